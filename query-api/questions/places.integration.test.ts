// Traffic by what the inventory says of an attachment. Two sites, three port groups; in the middle of the window a VM moves to
// the other site, another changes its port group, and a third its tier. The truth is arithmetic over the list of who sent what.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { Enrichment } from '../../enricher/stages/enrich.ts';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { History } from '../../inventory/snapshot/history.ts';
import { knowledgeOf } from '../../inventory/snapshot/load.ts';
import { encodePieces } from '../../schemas/arrow.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { createLog } from '../../service/log.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { insertNodes } from '../../storage/tables/nodes.ts';
import { insertPlaces } from '../../storage/tables/places.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { BATCH_KEY, batchOf, LIMITS, type Row } from '../../testing/data/enrichment.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import { COLUMN_NAMES, PAIR_NAMES } from '../sql/dimensions.ts';
import type { MatrixAnswer } from './matrix.ts';
import type { SeriesAnswer } from './series.ts';
import type { TopAnswer } from './top.ts';

const MINUTE = 60_000;
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 30 * MINUTE;
const FROM = NOW - 60 * MINUTE;
const CHANGE = NOW - 30 * MINUTE;

interface Place {
  readonly site: string;
  readonly vswitch: string;
  readonly portgroup: string;
  readonly segment: string;
  readonly tier: string;
}
const DIMENSIONS = ['site', 'vswitch', 'portgroup', 'segment', 'tier'] as const;
const UNKNOWN: Place = {
  site: 'unknown',
  vswitch: 'unknown',
  portgroup: 'unknown',
  segment: 'unknown',
  tier: 'unknown',
};
const OUTSIDE: Place = {
  site: 'external',
  vswitch: 'external',
  portgroup: 'external',
  segment: 'external',
  tier: 'external',
};

const SITES: Readonly<Record<string, string>> = { h1: 'east', h2: 'east', h3: 'west', h4: 'west' };
const SEGMENTS: Readonly<Record<string, string>> = { front: 'front', back: 'back', dmz: 'unknown' };

interface Machine {
  readonly host: string;
  readonly group: string;
  readonly tier: string;
}
const before: readonly Machine[] = Array.from({ length: 12 }, (_, i) => ({
  host: `h${1 + (i % 4)}`,
  group: ['front', 'back', 'dmz'][i % 3]!,
  tier: ['web', 'db', ''][Math.floor(i / 4)]!,
}));
const [moved, regrouped, retagged] = [0, 4, 9];
const after = before.map((machine, i) => ({
  ...machine,
  ...(i === moved && { host: 'h4' }),
  ...(i === regrouped && { group: 'dmz' }),
  ...(i === retagged && { tier: 'edge' }),
}));

function placeOf({ host, group, tier }: Machine): Place {
  return {
    site: SITES[host]!,
    vswitch: `${host}/v`,
    portgroup: `group ${group}`,
    segment: SEGMENTS[group]!,
    tier: tier || 'unknown',
  };
}

const macOf = (vm: number) => `02:00:00:00:00:${String(vm).padStart(2, '0')}`;
const addressOf = (vm: number) => `10.50.0.${vm + 1}`;

function inventoryAt(asOfMs: number, machines: readonly Machine[]) {
  return inventoryChecker.check('inventory', {
    source: 'test',
    asOf: new Date(asOfMs).toISOString(),
    complete: ['vms'],
    sites: [{ id: 'east' }, { id: 'west' }],
    racks: Object.values(SITES).map((site, i) => ({ id: `r${i + 1}`, site })),
    segments: [
      { id: 'front', prefixes: ['10.1.0.0/24'] },
      { id: 'back', site: 'west', prefixes: ['10.2.0.0/24'] },
    ],
    switches: [{ id: 's', ports: Object.keys(SITES).map((_, i) => ({ ifIndex: i + 1 })) }],
    hosts: Object.keys(SITES).map((id, i) => ({
      id,
      rack: `r${i + 1}`,
      pnics: [{ id: 'p', switch: 's', ifIndex: i + 1 }],
      vswitches: [
        {
          id: 'v',
          uplinks: ['p'],
          switching: 'vepa',
          reflectiveRelay: { configured: true, operational: true },
          portGroups: Object.entries(SEGMENTS).map(([group, segment]) => ({
            id: group,
            name: `group ${group}`,
            ...(segment !== 'unknown' && { segment }),
          })),
        },
      ],
    })),
    vms: machines.map(({ host, group, tier }, i) => ({
      id: `vm-${i}`,
      name: `vm-${i}`,
      host,
      tags: ['all', ...(tier === '' ? [] : [i % 2 === 0 ? `tier:${tier}` : `tier=${tier}`])],
      vnics: [{ mac: macOf(i), addresses: [addressOf(i)], portGroup: group }],
    })),
  });
}

interface Sent {
  readonly atMs: number;
  readonly from: number;
  /** A VM, or an address of none. */
  readonly to: number | keyof typeof STRANGERS;
  readonly bytes: number;
  /** Whether the sender is the server. */
  readonly isAnswer: boolean;
}
const STRANGERS = {
  '10.1.0.77': { ...UNKNOWN, segment: 'front' },
  '10.2.0.77': { ...UNKNOWN, segment: 'back', site: 'west' },
  '10.3.0.77': UNKNOWN,
  '203.0.113.9': OUTSIDE,
  'fd00:1:2:3::9': UNKNOWN,
} as const satisfies Record<string, Place>;

const random = createRandom(3, 5);
const sent: readonly Sent[] = Array.from({ length: 1500 }, (_, i) => {
  const from = random.below(12);
  const strangers = Object.keys(STRANGERS) as (keyof typeof STRANGERS)[];
  const to = random.below(4) === 0 ? strangers[random.below(strangers.length)]! : (from + 1 + random.below(11)) % 12;
  const half = random.below(2) === 0 ? FROM : CHANGE;
  return { atMs: half + MINUTE + random.below(27 * MINUTE), from, to, bytes: 1000 + i, isAnswer: i % 3 === 0 };
});

/** What is known of an end: of the state now in force, or of the one that was. */
type KnownOf = (end: Sent['to'], sending: Sent, isSender: boolean) => Place;
const known: KnownOf = (end, { atMs }) =>
  typeof end === 'string' ? STRANGERS[end] : placeOf((atMs < CHANGE ? before : after)[end]!);
/** Without the second snapshot, the sender that moved is where its port is, and its vSwitch is not known. */
const knownLate: KnownOf = (end, { atMs }, isSender) => {
  if (typeof end === 'string') return STRANGERS[end];
  const place = placeOf(before[end]!);
  return end === moved && atMs >= CHANGE && isSender ? { ...place, site: 'west', vswitch: 'unknown' } : place;
};

function rowOf({ atMs, from, to, bytes, isAnswer }: Sent): Row {
  const { host } = (atMs < CHANGE ? before : after)[from]!;
  return {
    src: addressOf(from),
    srcMac: macOf(from),
    dst: typeof to === 'string' ? to : addressOf(to),
    ...(typeof to === 'number' && { dstMac: macOf(to) }),
    exporter: '192.0.2.1',
    inIf: Number(host.slice(1)),
    outIf: 99,
    direction: 'ingress',
    bytes,
    srcPort: isAnswer ? 443 : 40_000,
    dstPort: isAnswer ? 40_000 : 443,
    etherType: 0x0800,
    flowStart: atMs,
    flowEnd: atMs + 1000,
    receivedAt: atMs + 2000,
  };
}

let server: TestServer;
let rolledUp: QueryHouse;
let late: QueryHouse;

async function houseOf(name: string, inventories: readonly (readonly Machine[])[]): Promise<QueryHouse> {
  const house = await createQueryHouse(server, name, { nowMs: NOW, flows: [], nodes: [] });
  const history = new History({ inventorySources: [], inventoryStaleMs: 1e12, inventoryUnknownMs: 1e12 });
  for (const [i, machines] of inventories.entries())
    history.putInventory(inventoryAt(i === 0 ? FROM - MINUTE : CHANGE, machines));
  history.putRegistry(
    exporterRegistryChecker.check('exporters', {
      exporters: [{ address: '192.0.2.1', switch: 's', metering: 'ingress' }],
    }),
  );
  const names = createNodeNames();
  const batch = batchOf(sent.map(rowOf));
  new Enrichment(knowledgeOf(history, NO_DOCUMENTS.applications), names, LIMITS).enrichBatch(batch, BATCH_KEY);
  await insertNodes(house.storage, names.take());
  await insertPlaces(house.storage, names.takePlaces());
  await insertFlows(house.storage, encodePieces(batch), `flows.test.0.${'0'.repeat(32)}.0`);
  await insertReceiving(house.storage, FROM, NOW);
  return house;
}

beforeAll(async () => {
  server = await startTestServer();
  late = await houseOf('late', [before]);
  rolledUp = await houseOf('rolled_up', [before, after]);
  await new ScheduledRollup({ storage: rolledUp.storage, log: createLog('test', 'error') }).run(Date.now() + 180_000);
}, 120_000);

afterAll(async () => {
  await late?.api.stop();
  await rolledUp?.api.stop();
  await server?.close();
});

function sumsBy(key: (one: Sent) => string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const one of sent) sums[key(one)] = (sums[key(one)] ?? 0) + one.bytes;
  return sums;
}

function sumOf(fits: (one: Sent) => boolean): number {
  return sent.reduce((sum, one) => sum + (fits(one) ? one.bytes : 0), 0);
}

const cellsOf = ({ cells }: MatrixAnswer) =>
  Object.fromEntries(cells.map(({ src, dst, value }) => [`${src.name} -> ${dst.name}`, value]));
const TOTAL = sent.reduce((sum, { bytes }) => sum + bytes, 0);

test.each(DIMENSIONS)('the matrix by %s is the sum of what was sent, as of its time', async by => {
  for (const [house, knownOf] of [
    [rolledUp, known],
    [late, knownLate],
  ] as const) {
    const answer = await house.answer<MatrixAnswer>('matrix', { by, limit: 200 });
    const truth = sumsBy(one => `${knownOf(one.from, one, true)[by]} -> ${knownOf(one.to, one, false)[by]}`);
    expect(cellsOf(answer)).toEqual(truth);
    expect([answer.total.value, answer.lossAdjusted?.value]).toEqual([TOTAL, TOTAL]);
  }
});

test('the change is seen in the roll-up: each place has rows of its own time', async () => {
  const rows = await rolledUp.storage.select<{ n: string }>(
    'SELECT uniqExact(srcPlace) AS n FROM pairs_5m WHERE srcVm != 0 GROUP BY srcVm HAVING n > 1',
  );
  expect(rows.map(({ n }) => n)).toEqual(['2', '2', '2']);
});

test('top and series take them, each end of its own', async () => {
  const { rows } = await rolledUp.answer<TopAnswer>('top', { by: 'srcSite,dstSegment', limit: 1000 });
  expect(Object.fromEntries(rows.map(({ keys, value }) => [keys.map(({ name }) => name).join(), value]))).toEqual(
    sumsBy(one => `${known(one.from, one, true).site},${known(one.to, one, false).segment}`),
  );
  const { series } = await rolledUp.answer<SeriesAnswer>('series', { split: 'dstTier', metric: 'bytes', limit: 100 });
  expect(Object.fromEntries(series.map(({ keys, total }) => [keys[0]!.name, total]))).toEqual(
    sumsBy(one => known(one.to, one, false).tier),
  );
});

test.each<[string, (src: Place, dst: Place) => boolean]>([
  ['srcSite=east,dstSite=west', (src, dst) => src.site === 'east' && dst.site === 'west'],
  ['portgroup="group dmz"', (src, dst) => [src, dst].some(({ portgroup }) => portgroup === 'group dmz')],
  ['segment!=front|back', (src, dst) => ![src, dst].some(({ segment }) => ['front', 'back'].includes(segment))],
  ['vswitch=h?/v', (src, dst) => [src, dst].some(({ vswitch }) => vswitch.endsWith('/v'))],
  ['dstTier=external|db', (_, dst) => ['external', 'db'].includes(dst.tier)],
  ['dstSegment=0000000000000000', (_, dst) => dst.segment === 'unknown'],
  ['srcTier=web;dstSite=external', (src, dst) => src.tier === 'web' || dst.site === 'external'],
])('a filter %s finds them', async (filter, fits) => {
  for (const [house, knownOf] of [
    [rolledUp, known],
    [late, knownLate],
  ] as const) {
    const truth = sumOf(one => fits(knownOf(one.from, one, true), knownOf(one.to, one, false)));
    for (const by of ['app', 'tier', 'vlan'])
      expect((await house.answer<TopAnswer>('top', { by, filter })).total.value).toBe(truth);
  }
});

test('the records and a p95 take the same filter', async () => {
  const filter = 'dstTier=edge';
  const truth = sumOf(one => known(one.to, one, false).tier === 'edge');
  const { flows } = await rolledUp.answer<{ flows: { bytes: number }[] }>('flows', { filter, limit: 10_000 });
  expect(flows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(truth);
  const { total } = await rolledUp.answer<TopAnswer>('top', { by: 'dstTier', filter, metric: 'maxBps' });
  expect(total.value).toBeGreaterThan(0);
});

const placesOf = (one: Sent) => [known(one.from, one, true), known(one.to, one, false)] as const;

test('rows and columns may differ, in both orientations', async () => {
  const query = { rows: 'tier', columns: 'site', limit: 200 };
  const sender = await rolledUp.answer<MatrixAnswer>('matrix', query);
  expect(cellsOf(sender)).toEqual(
    sumsBy(one => {
      const [src, dst] = placesOf(one);
      return `${src.tier} -> ${dst.site}`;
    }),
  );
  expect([sender.by, sender.total.value, sender.interTotal.value, sender.rest]).toEqual(['tier,site', TOTAL, TOTAL, 0]);
  expect(sender.nodes).toBe(sender.rows.length + sender.columns.length);
  const client = await rolledUp.answer<MatrixAnswer>('matrix', { ...query, orientation: 'client' });
  expect(cellsOf(client)).toEqual(
    sumsBy(one => {
      const [src, dst] = placesOf(one);
      return one.isAnswer ? `${dst.tier} -> ${src.site}` : `${src.tier} -> ${dst.site}`;
    }),
  );
});

test('whatever the rows and columns are, the total is the same, and cells and rest add up to it', async () => {
  const names = [...PAIR_NAMES, ...COLUMN_NAMES, 'addr/24', 'srcAddr/8/32'];
  for (let i = 0; i < 12; i++) {
    const [rows, columns] = [names[random.below(names.length)]!, names[random.below(names.length)]!];
    const metric = i % 2 === 0 ? 'bytes' : 'packets';
    const { cells, rest, total } = await rolledUp.answer<MatrixAnswer>('matrix', { rows, columns, metric });
    const truth = metric === 'bytes' ? TOTAL : sent.length;
    const sum = cells.reduce((all, { value }) => all + value!, 0);
    expect([rows, columns, total.value, sum + rest!]).toEqual([rows, columns, truth, truth]);
  }
}, 120_000);

test.each(['volume', 'name'])(
  'pages by %s hold every cell once, in one order',
  async order => {
    for (const query of [{ by: 'vswitch' }, { rows: 'portgroup', columns: 'vm' }]) {
      const whole = await rolledUp.answer<MatrixAnswer>('matrix', { ...query, order, limit: 200 });
      const paged: Record<string, number | null> = {};
      const names: string[] = [];
      for (let offset = 0; ; offset += 5) {
        let rows = 0;
        for (let columnOffset = 0; ; columnOffset += 5) {
          const page = await rolledUp.answer<MatrixAnswer>('matrix', {
            ...query,
            order,
            limit: 5,
            offset,
            columnOffset,
          });
          expect(page.total.value).toBe(TOTAL);
          for (const [name, value] of Object.entries(cellsOf(page))) {
            expect(paged).not.toHaveProperty([name]);
            paged[name] = value;
          }
          rows = page.rows.length;
          if (columnOffset === 0) names.push(...page.rows.map(({ name }) => name));
          if (page.columns.length === 0) break;
        }
        if (rows === 0) break;
      }
      expect(paged).toEqual(cellsOf(whole));
      expect(names).toEqual(whole.rows.map(({ name }) => name));
      if (order === 'name' && 'by' in query && query.by === 'vswitch') expect(names).toEqual([...names].sort());
    }
  },
  120_000,
);

test('pages of the largest groups hold each once', async () => {
  for (const order of ['volume', 'name']) {
    const query = { by: 'srcTier,dstSite', order };
    const whole = await rolledUp.answer<TopAnswer>('top', { ...query, limit: 1000 });
    const paged: TopAnswer['rows'] = [];
    for (let offset = 0; offset <= whole.groups; offset += 8) {
      const page = await rolledUp.answer<TopAnswer>('top', { ...query, limit: 8, offset });
      expect([page.groups, page.total.value]).toEqual([whole.groups, TOTAL]);
      paged.push(...page.rows);
    }
    expect(paged).toEqual(whole.rows);
    const texts = whole.rows.map(({ keys }) => keys.map(({ name }) => name).join());
    if (order === 'name') expect(texts).toEqual([...texts].sort());
  }
}, 120_000);

const networkOf = (end: Sent['to'], length: 24 | 16): string => {
  const address = typeof end === 'string' ? end : addressOf(end);
  if (address.includes(':')) return 'fd00:1:2::/48';
  const [a, b, c] = address.split('.');
  return length === 24 ? `${a}.${b}.${c}.0/24` : `${a}.${b}.0.0/16`;
};

test('by networks of any length', async () => {
  for (const length of [24, 16] as const) {
    const answer = await rolledUp.answer<MatrixAnswer>('matrix', { by: `addr/${length}/48`, limit: 200 });
    expect(cellsOf(answer)).toEqual(sumsBy(one => `${networkOf(one.from, length)} -> ${networkOf(one.to, length)}`));
  }
  const { rows } = await rolledUp.answer<TopAnswer>('top', { by: 'dstAddr/16' });
  expect(rows.map(({ keys }) => keys[0]!.key)).toContain('fd00:1:2:3::/64');
  const { status, body } = await rolledUp.get('/api/v1/top', { by: 'addr/33' });
  expect([status, body]).toEqual([400, expect.stringContaining('addr/24/48 (lengths of IPv4 and IPv6)')]);
});

test('by the ports of a device', async () => {
  const portOf = (one: Sent) => `192.0.2.1/${(one.atMs < CHANGE ? before : after)[one.from]!.host.slice(1)}`;
  const answer = await rolledUp.answer<MatrixAnswer>('matrix', { by: 'interface' });
  expect(cellsOf(answer)).toEqual(sumsBy(one => `${portOf(one)} -> 192.0.2.1/99`));
  const filter = 'inInterface=192.0.2.1/3|192.0.2.1/4';
  expect((await rolledUp.answer<TopAnswer>('top', { filter })).total.value).toBe(
    sumOf(one => /\/[34]$/.test(portOf(one))),
  );
  const { status, body } = await rolledUp.get('/api/v1/top', { filter: 'inInterface=3' });
  expect([status, body]).toEqual([400, expect.stringContaining('an exporter and an ifIndex (192.0.2.1/3)')]);
});

test('what is seen of both ways, and of none, are all cells of the listed rows and columns', async () => {
  const { cells, rows, columns } = await rolledUp.answer<MatrixAnswer>('matrix', {
    rows: 'tier',
    columns: 'site',
    cells: 'all',
  });
  expect(cells).toHaveLength(rows.length * columns.length);
});
