// `hairpin replay FILE`

import { replayCapture } from '../collector/replay.ts';
import { numberFlag, parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin replay FILE --to HOST:PORT [--rate N]

Sends the UDP payloads of a capture again, N datagrams a second; without --rate at the pace of the capture, in which no
pause lasts longer than 5 s. Their times are those of the capture.
`;

export async function replay(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(
    args,
    { to: { type: 'string' }, rate: { type: 'string', default: '0' } },
    HELP,
  );
  if (!values) return 0;
  const [file, more] = positionals;
  if (file === undefined || more !== undefined) throw usageError('name one FILE', HELP);
  const to = values['to'];
  if (typeof to !== 'string' || !/:\d{1,5}$/.test(to)) throw usageError('--to HOST:PORT is required', HELP);
  const rate = numberFlag('rate', values['rate'], { minimum: 0, maximum: 1e7 }, HELP);
  const sent = await replayCapture(file, { to, rate });
  process.stderr.write(`${file}: ${sent} datagrams sent to ${to}\n`);
  return 0;
}
