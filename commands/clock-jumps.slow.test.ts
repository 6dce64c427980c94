// The clock of the machine jumps by an hour, forward and back, under a whole Hairpin and its ClickHouse: libfaketime gives
// both of them another time. Nothing is lost or stored twice, and what depends on the clock is reported.

import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import { requireTool } from '../testing/requirements.ts';
import { startHairpin, until } from '../testing/spawned.ts';

const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');
const hasLibrary = requireTool('faketime', library !== undefined, 'no libfaketimeMT.so.1 below /usr/lib');
const folder = mkdtempSync(join(tmpdir(), 'hairpin-clock-'));
const offset = join(folder, 'offset');
const SECONDS = 24;
const RATE = 500;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.runIf(hasLibrary)(
  'an hour forward and an hour back lose no flow and store none twice',
  async () => {
    writeFileSync(offset, '+0');
    const hairpin = await startHairpin({
      env: {
        LD_PRELOAD: library!,
        FAKETIME_TIMESTAMP_FILE: offset,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    });
    try {
      const to = `127.0.0.1:${hairpin.udpPort}`;
      const load = runLoad(
        parseLoadOptions({ to, scenario: 'numbered', protocol: 'netflow9', rate: RATE, seconds: SECONDS }),
      );
      const third = (SECONDS / 3) * 1000;
      await sleep(third);
      writeFileSync(offset, '+3600');
      await sleep(third);
      writeFileSync(offset, '-3600');
      const { records } = await load;
      const stored = () => hairpin.metric('enricher_rows_stored_total');
      await until(async () => (await stored()) >= records, 30_000, `${records} records stored`).catch(() => {});
      expect(await stored()).toBe(records);
      expect(await hairpin.metric('enricher_batches_total', 'quarantined')).toBe(0);
      expect(await hairpin.answers('/readyz')).toBe(true);
    } finally {
      await hairpin.stop();
    }
  },
  120_000,
);
