// `hairpin decode FILE...`

import {
  DECODE_FORMATS,
  type DecodeFormat,
  decodeFiles,
  ELEMENT_FORMATS,
} from '../collector/captures/decode/decode-files.ts';
import { loadElements } from '../collector/elements/element-registry.ts';
import type { Column } from '../schemas/columns.ts';
import { DECODED_COLUMNS } from '../schemas/flow.ts';
import { parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin decode FILE... [--format ${DECODE_FORMATS.join('|')}] [--columns NAME,NAME... | --all-elements] [--elements FILE] [--mirror-rate N] [--redact]

Reads pcap, pcapng and raw export datagrams and writes one line a flow record to standard output, with the column
names of docs/COLUMNS.md. Files share one decoder in the order given: templates in one serve data in the next.

  --format        jsonl (default, of a terminal: table), csv, table or one Arrow stream
  --columns       only these columns, in this order
  --all-elements  instead of rows, everything the exporter sent, under the names of the standards: a line for the
                  header of each datagram, each NetFlow and IPFIX record (options too), each sFlow 5 sample with all its
                  records. As ${ELEMENT_FORMATS.join(' or ')}. sFlow 2 and 4 have rows only
  --elements      more names of elements, and columns for some: a table (pen, id, name, type, units, column), JSON or YAML
  --mirror-rate   frames mirrored in ERSPAN or VXLAN (port 4789) become records, each one in N; without it they are skipped
  --redact        to share the output: of addresses the /24 or /48, of MACs the vendor, no stations; exporters stay

A summary of exporters, templates, sampling rates, loss and faults goes to standard error, with --all-elements the fields
of each template too. Exit code 1 when a file cannot be read.
`;

export async function decode(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(
    args,
    {
      format: { type: 'string', default: process.stdout.isTTY ? 'table' : 'jsonl' },
      columns: { type: 'string', default: '' },
      'all-elements': { type: 'boolean', default: false },
      elements: { type: 'string', default: '' },
      'mirror-rate': { type: 'string', default: '0' },
      redact: { type: 'boolean', default: false },
    },
    HELP,
  );
  if (!values) return 0;
  const allElements = values['all-elements'] === true;
  const formats: readonly DecodeFormat[] = allElements ? ELEMENT_FORMATS : DECODE_FORMATS;
  const format = formats.find(name => name === values['format']);
  if (!format)
    throw usageError(`--format must be one of ${formats.join(', ')}${allElements ? ' with --all-elements' : ''}`, HELP);
  const columns = columnsOf(String(values['columns']));
  if (allElements && columns.length > 0) throw usageError('--all-elements has no columns: leave --columns out', HELP);
  const redacted = values['redact'] === true;
  if (allElements && redacted)
    throw usageError('--all-elements prints what was sent as it was: leave --redact out', HELP);
  if (positionals.length === 0) throw usageError('name at least one FILE', HELP);
  const mirrorRate = Number(values['mirror-rate']);
  if (!Number.isInteger(mirrorRate) || mirrorRate < 0 || mirrorRate >= 0xffffffff)
    throw usageError('--mirror-rate must be a whole number, N of one frame in N', HELP);
  const elements = loadElements(String(values['elements']));
  // A reader that has seen enough (head) closes the pipe: no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const options = { format, columns, allElements, mirrorRate, redacted, elements };
  return decodeFiles(positionals, options, process.stdout, process.stderr);
}

function columnsOf(text: string): Column[] {
  const names = text.split(',').filter(name => name !== '');
  const known = DECODED_COLUMNS.map(column => column.name as string);
  const unknown = names.filter(name => !known.includes(name));
  if (unknown.length > 0)
    throw usageError(`--columns: no column ${unknown.join(', ')}; there are ${known.join(', ')}`, HELP);
  return names.map(name => DECODED_COLUMNS[known.indexOf(name)]!);
}
