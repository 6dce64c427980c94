// `hairpin demo`: everything in one process and a small simulated data centre that sends real datagrams to it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDemo } from '../benchmarks/load/demo.ts';
import { writeDocuments } from '../benchmarks/load/documents.ts';
import { configurationHelp, parseFlags } from '../schemas/configuration.ts';
import { type AllInOne, startAllInOne } from './all-in-one.ts';
import { banner, configurationOf, untilStopped } from './start.ts';

const HELP = `hairpin demo [flags]

Starts Hairpin with the documents of a small simulated data centre, whose bridges then export their traffic to it over
UDP (NetFlow v9, IPFIX, sFlow). Data and truth go to a temporary folder, or to --data, and the temporary one is removed at
the end. Every cell can be checked: npx hairpin verify --truth FILE, with the file that the start names.

${configurationHelp()}
`;

export async function demo(args: readonly string[]): Promise<number> {
  const configuration = configurationOf(args, HELP);
  if (!configuration) return 0;
  const given = (parseFlags(args).values as Record<string, unknown>)['data'] !== undefined;
  const folder = given ? configuration.data : mkdtempSync(join(tmpdir(), 'hairpin-demo-'));
  const truthFile = join(folder, 'truth.json');
  let hairpin: AllInOne | undefined;
  const feed = await startDemo(
    {},
    {
      to: { host: '127.0.0.1', ports: configuration.udp },
      truthFile,
      onDocuments: async documents => {
        const documentFolder = join(folder, 'documents');
        await writeDocuments(documentFolder, documents);
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
    `${banner(hairpin!)}  A simulated data centre sends to it. Its truth, up to the last full five minutes, is compared by\n    npx hairpin verify --truth ${truthFile} --api ${hairpin!.url}\n\n`,
  );
  await untilStopped({
    totals: hairpin!.totals,
    stop: async () => {
      await feed.stop();
      await hairpin!.stop();
    },
  });
  if (!given) rmSync(folder, { recursive: true, force: true });
  return 0;
}
