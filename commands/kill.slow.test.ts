// `kill -9` under load. Every flow carries a number of its own in its byte count; afterwards no number is stored twice,
// none that was never sent, and the missing ones are the open batch of the kill: the last second before it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import { COLLECTOR_SERVICE } from '../collector/configuration.ts';
import { PROTOCOL } from '../schemas/codes.ts';
import { createLog } from '../service/log.ts';
import { createStorage } from '../storage/client.ts';
import { EmbeddedServer } from '../storage/embedded/embedded.ts';
import { freeUdpPort, startHairpin, until } from '../testing/spawned.ts';

const RATE = 20_000;
const KILL_AFTER_MS = 3500;
/** The open batch is at most so old; its age is looked at every 100 ms, and then it is encoded and written. */
const BATCH_AGE_MS_MAX = COLLECTOR_SERVICE.load().batchAgeMsMax;
const WRITTEN_MS_MAX = 500;
const BYTES_BASE = 1_000_000;
/** One protocol a kill, so that the numbers of each load stay apart. */
const PROTOCOLS = ['netflow9', 'ipfix', 'netflow5'] as const;

const data = mkdtempSync(join(tmpdir(), 'hairpin-kill-'));
afterAll(() => rmSync(data, { recursive: true, force: true }));

interface Stored {
  readonly protocol: number;
  readonly records: string;
  readonly numbers: string;
  readonly last: string;
  readonly first: string;
  readonly contiguous: string;
}

test('kill -9 during load, three times: nothing twice, nothing invented, only the open batch missing', async () => {
  const udpPort = await freeUdpPort();
  const sent: { flows: number; dyingMs: number }[] = [];
  for (const protocol of PROTOCOLS) {
    const hairpin = await startHairpin({ data, udpPort });
    const abort = new AbortController();
    const load = runLoad(
      parseLoadOptions({ to: `127.0.0.1:${udpPort}`, scenario: 'numbered', protocol, rate: RATE, seconds: 30 }),
      { signal: abort.signal },
    );
    await new Promise(resolve => setTimeout(resolve, KILL_AFTER_MS));
    const killedAt = performance.now();
    await hairpin.kill();
    abort.abort();
    // The load goes on until the process is gone.
    sent.push({ flows: (await load).flows, dyingMs: performance.now() - killedAt });
  }

  const again = await startHairpin({ data, udpPort });
  await until(
    async () => (await again.metric('spool_bytes')) === 0 && (await again.metric('enricher_inserts_in_flight')) === 0,
    30_000,
    'the spool replayed',
  );
  expect(await again.metric('quarantine_batches_total')).toBe(0);
  expect(await again.stop()).toBe(0);

  const stored = await readNumbers(data);
  PROTOCOLS.forEach((protocol, i) => {
    const { flows, dyingMs } = sent[i]!;
    const row = stored.find(candidate => candidate.protocol === PROTOCOL[protocol])!;
    expect(Number(row.records), `${protocol}: records stored twice`).toBe(Number(row.numbers));
    expect(Number(row.last), `${protocol}: highest number stored, of ${flows} sent`).toBeLessThanOrEqual(flows);
    expect(Number(row.first), `${protocol}: lowest number stored`).toBeLessThanOrEqual(1);
    // Every number up to the first missing one is there; what is missing was sent shortly before the kill.
    const missingFrom = Number(row.contiguous) + 1;
    const openBatchFrom = flows - ((BATCH_AGE_MS_MAX + WRITTEN_MS_MAX + dyingMs) / 1000) * RATE;
    console.log(
      `${protocol}: ${flows} sent, ${row.numbers} stored, none twice, ${flows - Number(row.numbers)} missing from number ${missingFrom}, ` +
        `${dyingMs.toFixed(0)} ms from the kill to the end of the load`,
    );
    expect(missingFrom, `${protocol}: the first number missing, of ${flows}`).toBeGreaterThan(openBatchFrom);
  });
}, 120_000);

/** Per protocol: records, different numbers, the highest, and the length of the run from the first without a gap. */
async function readNumbers(folder: string): Promise<Stored[]> {
  const server = new EmbeddedServer({ folder: join(folder, 'clickhouse'), port: 0, log: createLog('test', 'error') });
  const storage = createStorage({ ...(await server.start()), database: 'hairpin', queryTimeoutMs: 30_000 });
  try {
    return await storage.select<Stored>(
      `SELECT protocol, sum(times) AS records, count() AS numbers, max(n) AS last, firstNumber AS first,
              countIf(n - firstNumber = position) + firstNumber - 1 AS contiguous
       FROM (
         SELECT protocol, n, times, row_number() OVER (PARTITION BY protocol ORDER BY n) - 1 AS position,
                min(n) OVER (PARTITION BY protocol) AS firstNumber
         FROM (SELECT protocol, bytes - {base:UInt64} AS n, count() AS times FROM flows GROUP BY protocol, n)
       )
       GROUP BY protocol, firstNumber`,
      { base: BYTES_BASE },
    );
  } finally {
    await storage.close();
    await server.stop();
  }
}
