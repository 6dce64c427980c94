// `hairpin replay FILE`

import { replayCapture } from '../collector/captures/replay.ts';
import { parseClock } from '../schemas/clock.ts';
import { numberFlag, parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin replay FILE --to HOST:PORT [--rate N | --clock START*SPEED@REAL]

Sends the UDP payloads of a capture again, N datagrams per second. Without --rate it keeps the pace of the capture, with pauses
of at most 5 s. The payloads keep their times. With --clock each payload is sent when the simulated clock shows its time in
the capture; start the test installation with the same --clock.
`;

export async function replay(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(
    args,
    { to: { type: 'string' }, rate: { type: 'string', default: '0' }, clock: { type: 'string', default: '' } },
    HELP,
  );
  if (!values) return 0;
  const [file, more] = positionals;
  if (file === undefined || more !== undefined) throw usageError('name one FILE', HELP);
  const to = values['to'];
  if (typeof to !== 'string' || !/:\d{1,5}$/.test(to)) throw usageError('--to HOST:PORT is required', HELP);
  const rate = numberFlag('rate', values['rate'], { minimum: 0, maximum: 1e7 }, HELP);
  const clock = String(values['clock']);
  if (clock !== '' && !parseClock(clock)) throw usageError(`--clock ${clock} is no START*SPEED@REAL`, HELP);
  const sent = await replayCapture(file, { to, rate, clock });
  process.stderr.write(`${file}: ${sent} datagrams sent to ${to}\n`);
  return 0;
}
