// `hairpin decode FILE...`: captures to rows on standard output, a summary on standard error. All files share one
// decoder, in the order given, so that templates in one serve data in the next. Text is written a batch at a time and
// waits for its reader; an Arrow stream is kept in memory until the last record, some 200 bytes each. Instead of the rows,
// everything that was sent can be printed (all-elements.ts), a datagram at a time.

import type { Writable } from 'node:stream';
import type { Column } from '../../../schemas/columns.ts';
import { DECODED_COLUMNS } from '../../../schemas/flow.ts';
import { HairpinError } from '../../../service/errors.ts';
import type { Limits } from '../../decode/context.ts';
import { Decoder } from '../../decode/decoder.ts';
import type { MirrorCarrier } from '../../decode/mirror.ts';
import { VXLAN } from '../../decode/packet/udp-tunnels.ts';
import { rulesWith } from '../../decode/templated/elements.ts';
import { type LoadedElements, loadElements } from '../../elements/element-registry.ts';
import { type CapturedDatagram, readNamedCapture } from '../capture.ts';
import { ElementPrinter } from './all-elements.ts';
import { ArrowRows, NoRows, type RowOutput, TextRows } from './row-outputs.ts';
import { TABLE_COLUMNS, TEXT_FORMATS } from './row-text.ts';
import { summary, templateList } from './summary.ts';

export const DECODE_FORMATS = ['jsonl', 'csv', 'table', 'arrow'] as const;
export type DecodeFormat = (typeof DECODE_FORMATS)[number];
/** Formats in which everything that was sent can be printed. */
export const ELEMENT_FORMATS = ['jsonl', 'table'] as const;

export interface DecodeOptions {
  readonly format: DecodeFormat;
  /** Columns in the order wanted; empty: all that the decoders fill, of a table those of TABLE_COLUMNS. */
  readonly columns?: readonly Column[];
  /** Instead of rows everything that was sent; in an ELEMENT_FORMATS. */
  readonly allElements?: boolean;
  /** Frames that the capture holds mirrored, in ERSPAN or VXLAN, count as one in so many; 0 passes them over. */
  readonly mirrorRate?: number;
  /** Rows hold no whole address, MAC or station; not with `allElements`, which prints what was sent as it was. */
  readonly redacted?: boolean;
  /** Names of elements, and columns for some of them, beside those that are built in. */
  readonly elements?: LoadedElements;
}

const LIMITS: Limits = { templatesMax: 65536, exportersMax: 65536 };

/** Returns the exit code: 1 when a file could not be read, with the reason on `err`. */
export async function decodeFiles(
  files: readonly string[],
  options: DecodeOptions,
  out: Writable,
  err: Writable,
): Promise<number> {
  const captures = new CaptureDecoder(options, out);
  let failures = 0;
  for (const file of files) {
    try {
      err.write(`${file}: ${await captures.decode(file)}\n`);
    } catch (error) {
      if (!(error instanceof HairpinError)) throw error;
      err.write(`${error.message}\n`);
      failures++;
    }
  }
  await captures.end();
  err.write(captures.summary());
  return failures > 0 ? 1 : 0;
}

class CaptureDecoder {
  readonly #out: Writable;
  /** What is written after each datagram. */
  readonly #texts: string[] = [];
  readonly #rows: RowOutput;
  readonly #decoder: Decoder;
  readonly #elements: LoadedElements;
  readonly #printer: ElementPrinter | undefined;
  readonly #mirrorRate: number;

  constructor(options: DecodeOptions, out: Writable) {
    const { format, allElements = false, elements = loadElements('') } = options;
    this.#out = out;
    this.#elements = elements;
    this.#mirrorRate = options.mirrorRate ?? 0;
    this.#rows = rowOutputOf(options, this.#texts);
    this.#decoder = new Decoder(this.#rows, LIMITS);
    this.#decoder.context.templated.elementRules = rulesWith(elements.mapped);
    if (allElements)
      this.#printer = new ElementPrinter(this.#decoder, elements.registry, format === 'table' ? 'table' : 'jsonl');
  }

  /** Writes what is in a file; returns the line that sums it up. */
  async decode(file: string): Promise<string> {
    const { datagrams, gre, passedOver, fragments, truncated, format } = readNamedCapture(file);
    let records = 0;
    for (const datagram of datagrams) {
      records += this.#decodeDatagram(datagram);
      for (const text of this.#texts.splice(0)) await write(this.#out, text);
    }
    const isMirrored = this.#mirrorRate > 0;
    if (isMirrored) for (const frame of gre) records += this.#decodeMirrored(frame, 'gre');
    this.#rows.endFile();
    for (const text of this.#texts.splice(0)) await write(this.#out, text);
    const passed = passedOver + (isMirrored ? 0 : gre.length);
    return [
      `${format}, ${datagrams.length} datagrams, ${records} records`,
      ...(passed > 0 ? [`${passed} frames without a UDP payload`] : []),
      ...(fragments > 0 ? [`${fragments} fragments of datagrams that are not whole`] : []),
      ...(truncated ? ['cut off in the middle of a frame'] : []),
    ].join(', ');
  }

  async end(): Promise<void> {
    for (const piece of this.#rows.end()) await write(this.#out, piece);
  }

  summary(): string {
    const domains = [...this.#decoder.exporters.domains()];
    const text = summary(this.#decoder, domains);
    if (!this.#printer) return text;
    return `${text}${templateList(domains, this.#elements.registry)}${this.#printer.notes()}`;
  }

  #decodeDatagram(datagram: CapturedDatagram): number {
    const { payload, source, sourcePort, destinationPort, timeMs } = datagram;
    if (this.#mirrorRate > 0 && destinationPort === VXLAN) return this.#decodeMirrored(datagram, 'vxlan');
    if (!this.#printer) return this.#decoder.decode(payload, source, sourcePort, timeMs);
    const { records, text } = this.#printer.decode(datagram);
    if (text !== '') this.#texts.push(text);
    return records;
  }

  #decodeMirrored({ payload, source, timeMs }: CapturedDatagram, carrier: MirrorCarrier): number {
    return this.#decoder.decodeMirrored(payload, source, timeMs, carrier, this.#mirrorRate);
  }
}

function rowOutputOf(
  { format, columns = [], allElements = false, redacted = false }: DecodeOptions,
  texts: string[],
): RowOutput {
  if (allElements) return new NoRows();
  const list = columns.length > 0 ? columns : format === 'table' ? TABLE_COLUMNS.map(columnNamed) : DECODED_COLUMNS;
  return format === 'arrow' ? new ArrowRows(list, redacted) : new TextRows(TEXT_FORMATS[format], list, redacted, texts);
}

function columnNamed(name: string): Column {
  return DECODED_COLUMNS.find(column => column.name === name)!;
}

function write(out: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => out.write(chunk, error => (error ? reject(error) : resolve())));
}
