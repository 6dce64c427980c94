// The console in a real Chromium, over the real API and a real ClickHouse.

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createQueryApi, type QueryApi } from '../query-api/app.ts';
import { QUERY_API_SERVICE } from '../query-api/configuration.ts';
import { PROTOCOL } from '../schemas/codes.ts';
import type { CoverageReport } from '../schemas/coverage.ts';
import { prefix4Key, serviceKey } from '../schemas/keys.ts';
import { createLog } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import type { ClickHouse } from '../storage/client.ts';
import { migrate } from '../storage/migrations/migrate.ts';
import { insertExporterMinutes } from '../storage/tables/exporters.ts';
import { insertFlows } from '../storage/tables/flows.ts';
import { insertNodes } from '../storage/tables/nodes.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { big, encodeExporters, encodeFlows, flow, node } from '../testing/data/stored-rows.ts';
import { insertReceiving } from '../testing/receiving.ts';
import { requireTool } from '../testing/requirements.ts';

const REFRESH_MS = 5000;
const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const usable = requireTool('chromium', existsSync(CHROMIUM), `${CHROMIUM} is not there; apt-get install chromium`);

const web = node('application', 'web');
const db = node('application', 'db');
const hostile = node('application', '<img src=x onerror="document.title=1">');
const block = big(prefix4Key(0x0a090000, 24));

const STATES = { found: 1, examined: 1 };
const REPORT: CoverageReport = {
  share: 0.9,
  states: STATES,
  asOfMs: Date.UTC(2026, 0, 2),
  vms: 5,
  pairs: 20,
  invisiblePairs: 2,
  byReason: {
    veb: 2,
    'relay-not-operational': 0,
    'vswitch-not-metered': 0,
    'no-access-port': 0,
    'not-metered': 0,
    'exporter-silent': 0,
  },
  spots: [
    {
      reason: 'veb',
      site: 'dc1',
      rack: 'rack-1',
      host: 'esx-1',
      vswitch: 'vSwitch0',
      segment: 'VLAN 10',
      vms: 2,
      pairs: 2,
      sinceMs: Date.UTC(2026, 0, 1),
      sinceOrEarlier: false,
      ports: [{ switch: 'leaf-1', ifIndex: 1, name: 'xe-0/0/1' }],
      remedies: ['turn vSwitch0 from VEB to VEPA and enable reflective relay on port xe-0/0/1', 'let vSwitch0 export'],
    },
  ],
  spotCount: 1,
  invisible: [],
  unseen: ['192.0.2.9 sflow5'],
  unregistered: [],
  accessPorts: [],
};

describe.skipIf(!usable)('the console', () => {
  let server: TestServer;
  let storage: ClickHouse;
  let api: QueryApi;
  let url: string;
  let profile: string;
  let browser: BrowserContext;
  let page: Page;
  const faults: string[] = [];
  let batches = 0;

  const store = (flows: Parameters<typeof encodeFlows>[0]) =>
    insertFlows(storage, encodeFlows(flows), `flows.test.0.${'0'.repeat(32)}.${batches++}`);
  const ago = (minutes: number) => Date.now() - minutes * 60_000;
  const cell = (src: { key: bigint } | string, dst: { key: bigint } | string) => {
    const key = (end: { key: bigint } | string) =>
      typeof end === 'string' ? end : end.key.toString(16).padStart(16, '0');
    return page.locator(`td.cell[data-src="${key(src)}"][data-dst="${key(dst)}"]`);
  };
  const textOf = (locator: ReturnType<typeof cell>) => locator.locator('.value').textContent();

  beforeAll(async () => {
    server = await startTestServer();
    storage = server.connect('console');
    const config = { ...QUERY_API_SERVICE.load({}), http: '127.0.0.1:0' };
    await migrate(storage, config);
    await insertReceiving(storage, ago(25 * 60), ago(-60));
    api = createQueryApi(config, {
      storage,
      log: createLog('test', 'error'),
      metrics: createMetrics(),
      ready: () => [{ name: 'clickhouse', ok: true, detail: '' }],
      advisor: {
        request: async ({ request }) =>
          request === 'coverage' ? REPORT : { overall: 0.9, cells: [], states: STATES, slices: [] },
      },
      installation: {
        receiving: { udpPorts: [2055, 4739, 6343], udpHost: '::' },
        inventory: false,
        applications: false,
      },
    });
    ({ url } = await api.start());
    profile = mkdtempSync(join(tmpdir(), 'hairpin-test-chromium-'));
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      args: ARGUMENTS,
      viewport: { width: 1400, height: 900 },
      colorScheme: 'light',
    });
    page = browser.pages()[0] ?? (await browser.newPage());
    // Time runs as it does, and the test may jump to the next refresh.
    await page.clock.install();
    page.on('console', message => {
      if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
    });
    page.on('pageerror', error => faults.push(error.message));
    page.on('request', request => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:')) faults.push(`asked ${request.url()}`);
    });
  });

  afterAll(async () => {
    await browser?.close();
    await api?.stop();
    await server?.close();
    if (profile) rmSync(profile, { recursive: true, force: true });
  });

  test('from the first start to a matrix that is read, walked and refreshed', async () => {
    await page.goto(url);
    await page.getByRole('heading', { name: 'Waiting for the first flow' }).waitFor();
    expect(await page.locator('.ports').textContent()).toContain('UDP 2055');

    // The first flows appear by themselves.
    await insertNodes(storage, [web, db, hostile]);
    const https = big(serviceKey(6, 443, 443));
    await store([
      flow({
        srcApp: web.key,
        dstApp: db.key,
        srcAddr: '10.0.0.1',
        dstAddr: '10.0.1.1',
        service: https,
        serverSide: 2,
        bytes: 1_240_000_000,
        packets: 900_000,
        flowStart: ago(10),
        flowEnd: ago(2),
      }),
      flow({
        srcApp: db.key,
        dstApp: web.key,
        srcAddr: '10.0.1.1',
        dstAddr: '10.0.0.1',
        service: https,
        serverSide: 1,
        bytes: 52_000_000,
        packets: 50_000,
        flowStart: ago(10),
        flowEnd: ago(2),
      }),
      flow({
        srcApp: web.key,
        dstApp: web.key,
        srcAddr: '10.0.0.1',
        dstAddr: '10.0.0.2',
        service: https,
        serverSide: 2,
        bytes: 8_000,
        packets: 9,
        flowEnd: ago(3),
      }),
      flow({
        srcApp: hostile.key,
        dstApp: block,
        srcAddr: '10.0.3.1',
        dstAddr: '10.9.0.1',
        service: https,
        serverSide: 2,
        bytes: 777,
        packets: 4,
        samplingRate: 0,
        varBytes: Number.POSITIVE_INFINITY,
        flowEnd: ago(3),
      }),
    ]);
    await insertExporterMinutes(
      storage,
      encodeExporters([
        {
          minute: ago(1),
          exporter: '192.0.2.1',
          protocol: PROTOCOL.ipfix,
          lastSeen: ago(0),
          datagrams: 4,
          datagramBytes: 900,
          records: 4,
          samplingRate: 1,
        },
      ]),
      'exporters.test.0',
    );
    await page.clock.fastForward(REFRESH_MS);
    await cell(web, db).waitFor();
    expect(
      await Promise.all(
        [cell(web, db), cell(db, web), cell(web, web), cell(web, 'total'), cell('total', 'total')].map(textOf),
      ),
    ).toEqual(['1.24 GB', '52.0 MB', '8.00 kB', '1.24 GB', '1.29 GB']);
    expect(await cell(db, db).getAttribute('aria-label')).toBe('within db: nothing seen');
    expect(await page.locator('[data-tile=exporters] .figure').textContent()).toBe('1 live');

    // What nobody can report the error of says so, in its cell and in a tile.
    const unsure = page.locator(`td.cell[data-src="${hostile.key.toString(16).padStart(16, '0')}"]`, {
      hasText: '777 B',
    });
    expect(await unsure.first().textContent()).toContain('± ?');
    expect(await cell(web, db).textContent()).not.toContain('±');
    expect(await page.locator('[data-tile=error]').textContent()).toBe('Error unknown< 0.01 %no sampling rate');
    expect(await page.locator('[data-tile=total] .note').textContent()).toBe('error not known');

    // A name is text, whatever it says.
    expect(await page.locator('tbody th', { hasText: '<img src=x' }).count()).toBe(1);
    expect(await page.locator('img').count()).toBe(0);

    // The keyboard walks the grid, opens a cell and closes it.
    await cell(web, web).focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toContain(
      'web → db: 1.24 GB',
    );
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'web → db' }).waitFor();
    await page.locator('#panel:not(.behind)').waitFor();
    expect(await page.locator('#panel li.row', { hasText: '10.0.0.1 → 10.0.1.1' }).count()).toBe(1);
    expect(await page.locator('#panel .uplot canvas').count()).toBe(1);
    expect(await page.locator('#panel li.row', { hasText: 'tcp/443' }).textContent()).toContain('1.24 GB');
    expect(await page.locator('.reverse').textContent()).toBe('db → web: 52.0 MB');
    expect(await cell(web, db).getAttribute('aria-selected')).toBe('true');
    await page.keyboard.press('Home');
    await page.keyboard.press('End');
    expect(await page.evaluate(() => (document.activeElement as HTMLElement).dataset['dst'])).toBe('total');

    // New rows come in live; focus, selection and elements stay.
    const kept = await cell(web, db).elementHandle();
    await cell(web, db).focus();
    await store([
      flow({
        srcApp: web.key,
        dstApp: db.key,
        srcAddr: '10.0.0.1',
        dstAddr: '10.0.1.1',
        service: https,
        serverSide: 2,
        bytes: 760_000_000,
        flowEnd: ago(1),
      }),
    ]);
    await page.clock.fastForward(REFRESH_MS);
    await page.waitForFunction(one => one?.textContent?.includes('2.00 GB'), kept);
    expect(await page.evaluate(one => document.activeElement === one && one?.isConnected, kept)).toBe(true);
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'All traffic' }).waitFor();

    // A reload shows the same question again.
    await page.getByRole('button', { name: 'Packets' }).click();
    await page.getByRole('button', { name: '6h' }).click();
    await page.reload();
    await page.locator('body[data-state=ready]').waitFor();
    expect(await page.getByRole('button', { name: 'Packets', pressed: true }).count()).toBe(1);
    expect(await textOf(cell(web, db))).toBe('900 k');

    // Light and dark.
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await ground();
    expect(dark).not.toBe(light);
    await page.getByRole('button', { name: 'Change to the light theme' }).click();
    expect(await ground()).toBe(light);

    // The second view.
    await page.getByRole('button', { name: 'Exporters' }).click();
    expect(await page.locator('#exporters-view tbody tr').textContent()).toContain('192.0.2.1');

    // The third: a blind spot opens by keyboard and says what would help.
    await page.getByRole('button', { name: 'Coverage' }).click();
    const spot = page.locator('#coverage-view .spot').first();
    await spot.waitFor();
    expect(await page.locator('#coverage-view .card-head').textContent()).toContain(
      '90.0 % of 20 pairs of 5 running VMs',
    );
    expect(await spot.locator('.remedies').isVisible()).toBe(false);
    await spot.locator('summary').focus();
    await page.keyboard.press('Enter');
    expect(await spot.locator('.remedies').textContent()).toContain('reflective relay on port xe-0/0/1');
    await page.clock.fastForward(REFRESH_MS);
    expect(await spot.evaluate(one => (one as HTMLDetailsElement).open)).toBe(true);
    expect(await page.locator('#coverage-view').textContent()).toContain('192.0.2.9 sflow5');
    expect(faults).toEqual([]);
  });

  test('the first seconds of an installation are a point with its bounds, not an empty chart', async () => {
    const young = server.connect('console_young');
    const config = { ...QUERY_API_SERVICE.load({}), http: '127.0.0.1:0' };
    await migrate(young, config);
    await insertNodes(young, [web, db]);
    const nowMs = Math.floor(Date.now() / 300_000) * 300_000 - 240_000;
    const row = flow({
      ...{ srcApp: web.key, dstApp: db.key, srcAddr: '10.0.0.1', dstAddr: '10.0.1.1', bytes: 1_000_000 },
      ...{ flowStart: nowMs - 30_000, flowEnd: nowMs - 1000 },
    });
    await insertFlows(young, encodeFlows([row]), `flows.test.1.${'0'.repeat(32)}.0`);
    await insertReceiving(young, nowMs - 5000, nowMs);
    const started = createQueryApi(config, {
      ...{ storage: young, log: createLog('test', 'error'), metrics: createMetrics(), ready: () => [] },
      nowMs: () => nowMs,
    });
    try {
      await page.goto((await started.start()).url);
      await page.locator('#panel:not(.behind) .uplot canvas').waitFor();
      const note = page.locator('#panel .note').first();
      expect(await note.textContent()).toBe('Rate per minute · only 5 s covered · band: 95 % interval');
      // The colour of the line is nowhere else in the canvas.
      const drawn = await page.locator('#panel .uplot canvas').evaluate(canvas => {
        const { width, height } = canvas as HTMLCanvasElement;
        const [red, green, blue] = getComputedStyle(document.documentElement)
          .getPropertyValue('--accent')
          .match(/[0-9a-f]{2}/gi)!
          .map(hex => Number.parseInt(hex, 16));
        const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
        let pixels = 0;
        for (let i = 0; i < data.length; i += 4)
          if (data[i] === red && data[i + 1] === green && data[i + 2] === blue && data[i + 3] === 255) pixels++;
        return pixels;
      });
      expect(drawn).toBeGreaterThan(4);
      // Requests to the second address are listed, and are none.
      expect(faults.filter(fault => !fault.startsWith('asked '))).toEqual([]);
    } finally {
      await page.goto('about:blank');
      await started.stop();
      faults.length = 0;
    }
  });

  test('an API that does not answer is said, and the page keeps what it has', async () => {
    await page.goto('about:blank');
    await page.goto(url);
    await page.locator('body[data-state=ready]').waitFor();
    await page.route('**/api/v1/**', route => route.abort());
    await page.getByRole('button', { name: '24h' }).click();
    await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor();
    expect(await textOf(cell(web, db))).toBe('2.00 GB');
    await page.unroute('**/api/v1/**');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor({ state: 'detached' });
  });

  test('where tokens are needed the page asks for one, shows what its role may see, and forgets it', async () => {
    const file = join(profile, 'tokens.json');
    const entry = (role: string) => ({
      name: role,
      role,
      sha256: createHash('sha256').update(`hp_${role}`).digest('hex'),
    });
    writeFileSync(file, JSON.stringify({ tokens: ['matrix', 'read'].map(entry) }));
    const guarded = createQueryApi(
      { ...QUERY_API_SERVICE.load({}), http: '127.0.0.1:0', tokens: file },
      { storage, log: createLog('test', 'error'), metrics: createMetrics(), ready: () => [] },
    );
    const { url: address } = await guarded.start();
    try {
      await page.goto(address);
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      expect(await page.locator('#matrix-view').isVisible()).toBe(false);
      const signIn = async (secret: string) => {
        await page.getByLabel('Token').fill(secret);
        await page.keyboard.press('Enter');
      };
      await signIn('hp_wrong');
      await page.getByRole('alert').filter({ hasText: 'not valid' }).waitFor();

      await signIn('hp_matrix');
      await cell(web, db).waitFor();
      await page.locator('#panel:not(.behind)').waitFor();
      expect(await page.locator('#panel h3:visible').allTextContents()).toEqual(['Services']);
      expect(await page.locator('[data-tile=exporters]').isVisible()).toBe(false);
      await page.getByRole('button', { name: 'Exporters' }).click();
      await page.getByRole('heading', { name: 'This token may not see exporters' }).waitFor();
      await page.getByRole('button', { name: 'Matrix' }).click();
      await page.reload();
      await cell(web, db).waitFor();

      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      expect(await cell(web, db).isVisible()).toBe(false);
      await signIn('hp_read');
      await cell(web, db).waitFor();
      expect(await page.locator('[data-tile=exporters]').isVisible()).toBe(true);
      expect(page.url()).not.toContain('hp_');
    } finally {
      await guarded.stop();
    }
  });
});
