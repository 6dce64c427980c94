// `bench decode`: datagrams to columns, CPU time of one thread. Each variant runs in a process of its own, so that one
// does not shape the machine code of the next. Time is CPU time of the process: these are ratios to compare, and a
// busy neighbour does not change them.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Bench } from 'tinybench';
import { Decoder } from '../../collector/decode/decoder.ts';
import type { FlowBatch } from '../../collector/decode/flow-batch.ts';
import { createBatch } from '../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { inlineFurther } from '../../service/inlining.ts';
import { DECODE_VARIANTS, type DecodeVariant, type VariantName } from './decode-variants.ts';
import type { Results } from './results.ts';

/** In the bundle, a file with all that it imports, as threads are. */
const PROGRAM = fileURLToPath(new URL('./decode.ts', import.meta.url));

interface Measured {
  readonly recordsPerDatagram: number;
  /** Records per second of CPU. */
  readonly p50: number;
  readonly p99: number;
  readonly checksum: number;
}

export async function benchDecode(smoke: boolean): Promise<Results> {
  const rows = (Object.keys(DECODE_VARIANTS) as VariantName[]).map(name => {
    const { recordsPerDatagram, p50, p99, checksum }: Measured = JSON.parse(
      execFileSync(process.execPath, [PROGRAM, name, String(smoke)], { encoding: 'utf8' }),
    );
    return [
      DECODE_VARIANTS[name].about,
      String(recordsPerDatagram),
      millions(p50),
      millions(p99),
      (1e9 / p50).toFixed(0),
      String(checksum),
    ];
  });
  return {
    name: 'decode',
    about:
      'Datagram to columns in one thread, per second of its CPU time; p99 is the rate of the slowest hundredth of the rounds.',
    columns: ['variant', 'records a datagram', 'M records/s p50', 'M records/s p99', 'ns CPU a record', 'checksum'],
    rows,
  };
}

function millions(perSecond: number): string {
  return (perSecond / 1e6).toFixed(1);
}

const ROUND_DATAGRAMS = 20_000;

async function measure({ datagrams, records, advance }: DecodeVariant, smoke: boolean): Promise<Measured> {
  const batch = createBatch(DECODED_COLUMNS, 65536) as unknown as FlowBatch;
  const output = {
    batch,
    flush() {
      batch.rows = 0;
    },
  };
  const decoder = new Decoder(output, { templatesMax: 4096, exportersMax: 64, measuresClocks: true });
  const [first, ...templates] = [datagrams.data, ...datagrams.templates];
  for (const template of templates) decoder.decode(template, '192.0.2.1', 50000, 1_700_000_000_000);
  const decoded = decoder.decode(first!, '192.0.2.1', 50000, 1_700_000_000_000);
  if (decoded !== records) throw new Error(`the variant decodes to ${decoded} records, expected ${records}`);
  const checksum = batch.columns.bytes.subarray(0, 2 * records).reduce((sum, word) => (sum + word) >>> 0, 0);

  const cpuMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const bench = new Bench({
    now: cpuMs,
    time: smoke ? 20 : 3000,
    iterations: smoke ? 3 : 50,
    warmupTime: smoke ? 10 : 500,
    throws: true,
  });
  bench.add('decode', () => {
    for (let i = 0; i < ROUND_DATAGRAMS; i++) {
      advance();
      decoder.decode(first!, '192.0.2.1', 50000, 1_700_000_000_000);
    }
  });
  await bench.run();
  const latency = bench.tasks[0]!.result as { latency: { p50: number; p99: number } };
  const rate = (ms: number) => (ROUND_DATAGRAMS * records * 1000) / ms;
  return { recordsPerDatagram: records, p50: rate(latency.latency.p50), p99: rate(latency.latency.p99), checksum };
}

if (process.argv[1] === PROGRAM) {
  const [, , name, smoke] = process.argv;
  // As the receive workers do.
  inlineFurther();
  console.log(JSON.stringify(await measure(DECODE_VARIANTS[name as VariantName], smoke === 'true')));
}
