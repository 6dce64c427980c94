// `hairpin decode FILE...`

import { DECODE_FORMATS, type DecodeFormat, decodeFiles } from '../collector/decode-command.ts';
import { parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin decode FILE... [--format jsonl|csv|arrow]

Reads pcap, pcapng and raw export datagrams and writes one line a flow record to standard output, with the column
names of docs/COLUMNS.md. Files share one decoder in the order given: templates in one serve data in the next. A summary
goes to standard error. Exit code 1 when a file cannot be read.
`;

export async function decode(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, { format: { type: 'string', default: 'jsonl' } }, HELP);
  if (!values) return 0;
  const format = DECODE_FORMATS.find(name => name === values['format']);
  if (!format) throw usageError(`--format must be one of ${DECODE_FORMATS.join(', ')}`, HELP);
  if (positionals.length === 0) throw usageError('name at least one FILE', HELP);
  // A reader that has seen enough (head) closes the pipe: no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return decodeFiles(positionals, format as DecodeFormat, process.stdout, process.stderr);
}
