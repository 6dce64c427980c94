// `hairpin decode FILE...`

import { DECODE_FORMATS, decodeFiles } from '../collector/decode-command/decode-files.ts';
import type { Column } from '../schemas/columns.ts';
import { DECODED_COLUMNS } from '../schemas/flow.ts';
import { parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin decode FILE... [--format ${DECODE_FORMATS.join('|')}] [--columns NAME,NAME...]

Reads pcap, pcapng and raw export datagrams and writes one line a flow record to standard output, with the column
names of docs/COLUMNS.md. Files share one decoder in the order given: templates in one serve data in the next.

  --format   jsonl (default, of a terminal: table), csv, table or one Arrow stream
  --columns  only these columns, in this order

A summary of exporters, templates, sampling rates, loss and faults goes to standard error. Exit code 1 when a file
cannot be read.
`;

export async function decode(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(
    args,
    {
      format: { type: 'string', default: process.stdout.isTTY ? 'table' : 'jsonl' },
      columns: { type: 'string', default: '' },
    },
    HELP,
  );
  if (!values) return 0;
  const format = DECODE_FORMATS.find(name => name === values['format']);
  if (!format) throw usageError(`--format must be one of ${DECODE_FORMATS.join(', ')}`, HELP);
  const columns = columnsOf(String(values['columns']));
  if (positionals.length === 0) throw usageError('name at least one FILE', HELP);
  // A reader that has seen enough (head) closes the pipe: no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return decodeFiles(positionals, { format, columns }, process.stdout, process.stderr);
}

function columnsOf(text: string): Column[] {
  const names = text.split(',').filter(name => name !== '');
  const known = DECODED_COLUMNS.map(column => column.name as string);
  const unknown = names.filter(name => !known.includes(name));
  if (unknown.length > 0)
    throw usageError(`--columns: no column ${unknown.join(', ')}; there are ${known.join(', ')}`, HELP);
  return names.map(name => DECODED_COLUMNS[known.indexOf(name)]!);
}
