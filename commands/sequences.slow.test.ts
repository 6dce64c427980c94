// Loss over a restart: what exporters send while no Hairpin listens, and what a `kill -9` costs, is `lost` afterwards, for
// each protocol by its sequence numbers. What was stored is compared: loss is never more than what is missing.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROTOCOL } from '../schemas/codes.ts';
import { createLog } from '../service/log.ts';
import { createStorage } from '../storage/client.ts';
import { EmbeddedServer } from '../storage/embedded/embedded.ts';
import {
  ethernet,
  flowSample,
  ipfix,
  ipv4,
  netflow5,
  netflow9,
  record5,
  sampledHeader,
  set,
  sflow,
  tcp,
  template,
  u32,
} from '../testing/data/datagrams.ts';
import { freeUdpPort, type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const RECORDS = 4;
const FIELDS = template(300, [[1, 4]]);
const HEADER = ethernet(0x0800, ipv4(tcp()));

interface Exporter {
  /** Datagram number n, with RECORDS records. */
  readonly datagram: (n: number) => Uint8Array;
  /** What its sequence numbers count in a datagram. */
  readonly unit: number;
}

const EXPORTERS: Readonly<Record<string, Exporter>> = {
  netflow5: {
    datagram: n => netflow5(Array(RECORDS).fill(record5()), { sequence: 5000 + RECORDS * n, uptime: 900_000 + n }),
    unit: RECORDS,
  },
  netflow9: {
    datagram: n =>
      netflow9([set(0, FIELDS), set(300, ...Array(RECORDS).fill(u32(1)))], {
        sequence: 70_000 + n,
        uptime: 900_000 + n,
      }),
    unit: 1,
  },
  ipfix: {
    datagram: n => ipfix([set(2, FIELDS), set(300, ...Array(RECORDS).fill(u32(1)))], { sequence: 9000 + RECORDS * n }),
    unit: RECORDS,
  },
  sflow5: {
    datagram: n =>
      sflow(Array(RECORDS).fill(flowSample([sampledHeader(HEADER)])), { sequence: 300 + n, uptimeMs: 900_000 + n }),
    unit: 1,
  },
};
const NAMES = Object.keys(EXPORTERS);

let data: string;
let udpPort: number;
let senders: Map<string, Socket>;
let running: RunningHairpin | undefined;

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'hairpin-sequences-'));
  udpPort = await freeUdpPort();
  senders = new Map();
  for (const name of NAMES) {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    senders.set(name, socket);
  }
});
afterEach(() => {
  running?.process.kill('SIGKILL');
  for (const socket of senders.values()) socket.close();
  rmSync(data, { recursive: true, force: true });
});

async function send(from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++)
    for (const name of NAMES)
      await new Promise<void>((resolve, reject) =>
        senders
          .get(name)!
          .send(EXPORTERS[name]!.datagram(n), udpPort, '127.0.0.1', error => (error ? reject(error) : resolve())),
      );
}

const stored = (hairpin: RunningHairpin, datagrams: number) =>
  until(
    async () => (await hairpin.metric('enricher_rows_stored_total')) >= datagrams * RECORDS * NAMES.length,
    20_000,
    `rows of ${datagrams} datagrams stored`,
  );

async function start(): Promise<RunningHairpin> {
  running = await startHairpin({ data, udpPort });
  return running;
}

interface Found {
  readonly protocol: number;
  readonly rows: number;
  readonly lost: number;
  readonly datagrams: number;
  readonly records: number;
  readonly restarts: number;
}

/** Of each protocol: the records stored, and what the reports of its exporter add up to. */
async function found(): Promise<Record<string, Found>> {
  const server = new EmbeddedServer({ folder: join(data, 'clickhouse'), port: 0, log: createLog('test', 'error') });
  const storage = createStorage({ ...(await server.start()), database: 'hairpin', queryTimeoutMs: 30_000 });
  try {
    const reported = await storage.select<Omit<Found, 'rows'>>(
      `SELECT protocol, sum(lost) AS lost, sum(datagrams) AS datagrams, sum(records) AS records, sum(restarts) AS restarts
       FROM exporters GROUP BY protocol`,
    );
    const flows = await storage.select<Pick<Found, 'protocol' | 'rows'>>(
      'SELECT protocol, count() AS rows FROM flows GROUP BY protocol',
    );
    const code = (name: string) => PROTOCOL[name as keyof typeof PROTOCOL];
    return Object.fromEntries(
      NAMES.map(name => {
        const { protocol: _, ...numbers } = {
          ...reported.find(row => row.protocol === code(name)),
          ...flows.find(row => row.protocol === code(name)),
        };
        return [name, Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, Number(value)]))];
      }),
    ) as unknown as Record<string, Found>;
  } finally {
    await storage.close();
    await server.stop();
  }
}

// proves: loss-restart
describe('what is sent while Hairpin is down is lost, and counted', () => {
  test('after SIGTERM exactly', async () => {
    const first = await start();
    await send(0, 50);
    await stored(first, 50);
    expect(await first.stop()).toBe(0);
    await send(50, 80);
    const second = await start();
    await send(80, 100);
    await stored(second, 20);
    expect(await second.stop()).toBe(0);
    const rows = await found();
    for (const name of NAMES)
      expect(rows[name], name).toMatchObject({
        rows: 70 * RECORDS,
        lost: 30 * EXPORTERS[name]!.unit,
        datagrams: 70,
        records: 70 * RECORDS,
        restarts: 0,
      });
  }, 120_000);

  test('after `kill -9`, with the open batch, and the report of the last seconds is there', async () => {
    const first = await start();
    await send(0, 50);
    await stored(first, 50);
    // A part of these is in the open batch when the process is killed.
    await send(50, 60);
    await first.kill();
    await send(60, 80);
    const second = await start();
    await send(80, 100);
    await until(
      async () => (await second.metric('collector_datagrams_total')) >= 20 * NAMES.length,
      10_000,
      'received',
    );
    expect(await second.stop()).toBe(0);
    const rows = await found();
    for (const name of NAMES) {
      const { rows: flows, lost, datagrams, records, restarts } = rows[name]!;
      const { unit } = EXPORTERS[name]!;
      const missing = 100 - flows / RECORDS;
      expect(missing, name).toBeGreaterThanOrEqual(20);
      expect(lost / unit, `${name}: lost of ${missing} missing`).toBe(missing);
      expect([datagrams, records, restarts], name).toEqual([flows / RECORDS, flows, 0]);
    }
  }, 120_000);
});
