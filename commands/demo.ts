// `hairpin demo`: everything in one process and a small simulated data centre that sends real datagrams to it.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemo } from '../benchmarks/load/demo.ts';
import { writeDocuments } from '../benchmarks/load/documents.ts';
import { ReceivingMinutes } from '../collector/reports/receiving-minutes.ts';
import { encodePieces } from '../schemas/arrow.ts';
import { tokenOf } from '../schemas/batch.ts';
import { writeBatch } from '../transport/spool/sink.ts';
import { type AllInOne, startAllInOne } from './all-in-one.ts';
import { DEMO_SERVICE, readConfiguration } from './configurations.ts';
import { banner, untilStopped } from './start.ts';

const HELP = `hairpin demo [flags]

Starts Hairpin with the documents of a small simulated data centre, whose bridges then export their traffic to it over
UDP (NetFlow v9, IPFIX, sFlow). Data and truth go to --data, or to a temporary folder that is removed at the end. Every cell can
be checked: npx hairpin verify --truth FILE, with the file that is named at the start.

${DEMO_SERVICE.help()}
`;

/** Traffic of so long before the start is played at once. */
const PAST_MINUTES = 30;

export async function demo(args: readonly string[]): Promise<number> {
  // hairpin.yaml beside it is that of `hairpin start`: its documents are not used here, nor its data folder.
  const read = readConfiguration(DEMO_SERVICE, args, HELP, { borrowed: true });
  if (!read) return 0;
  const { configuration } = read;
  const isKept = read.isFlag('data');
  const folder = isKept ? configuration.data : mkdtempSync(join(tmpdir(), 'hairpin-demo-'));
  const truthFile = join(folder, 'truth.json');
  let hairpin: AllInOne | undefined;
  const feed = await startDemo(
    { pastMinutes: PAST_MINUTES },
    {
      to: { host: '127.0.0.1', ports: configuration.udp },
      truthFile,
      onDocuments: async documents => {
        const documentFolder = join(folder, 'documents');
        writeDocuments(documentFolder, documents);
        stateReceiving(join(folder, 'spool'), configuration.collectorId);
        const file = (name: keyof typeof documents) => join(documentFolder, `${name}.json`);
        hairpin = await startAllInOne({
          ...configuration,
          data: folder,
          inventory: file('inventory'),
          applications: file('applications'),
          exporters: file('exporters'),
        });
      },
    },
  );
  process.stderr.write(
    `${banner(hairpin!)}  A simulated data centre sends to it. This command compares the matrix with its truth, up to the last full five minutes:\n    npx hairpin verify --truth ${truthFile} --api ${hairpin!.url}\n\n`,
  );
  await untilStopped({
    totals: hairpin!.totals,
    stop: async () => {
      await feed.stop();
      await hairpin!.stop();
    },
  });
  if (!isKept) rmSync(folder, { recursive: true, force: true });
  return 0;
}

/** The demo plays traffic of the past as if it had been received then, and says so as a collector would have. */
function stateReceiving(spool: string, collector: string): void {
  const nowMs = Date.now();
  const fromMs = nowMs - (PAST_MINUTES + 1) * 60_000;
  const minutes = new ReceivingMinutes(1);
  const received = { fromMs, datagrams: 0, records: 0, droppedRecords: 0, isStopped: false };
  const nothing = { droppedDatagrams: 0, refusedRecords: 0 };
  minutes.report(0, { ...received, untilMs: fromMs }, nothing);
  const batch = minutes.report(0, { ...received, untilMs: nowMs }, nothing)!;
  const epoch = randomBytes(16).toString('hex');
  mkdirSync(spool, { recursive: true, mode: 0o700 });
  const token = tokenOf({ kind: 'collectors', collector, worker: 0, epoch, sequence: 0 });
  writeBatch(spool, token, encodePieces(batch), false);
}
