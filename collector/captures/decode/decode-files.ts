// `hairpin decode FILE...`: captures to rows on standard output, a summary on standard error. All files share one
// decoder, in the order given, so that templates in one serve data in the next. Text is written a batch at a time and
// waits for its reader; an Arrow stream is kept in memory until the last record, some 200 bytes each. Instead of the rows,
// everything that was sent can be printed (all-elements.ts), a datagram at a time.

import type { Writable } from 'node:stream';
import { encodePieces } from '../../../schemas/arrow.ts';
import { clearBatch, createBatch } from '../../../schemas/batch.ts';
import type { Column } from '../../../schemas/columns.ts';
import { DECODED_COLUMNS } from '../../../schemas/flow.ts';
import { HairpinError } from '../../../service/errors.ts';
import type { Limits } from '../../decode/context.ts';
import { Decoder } from '../../decode/decoder.ts';
import type { FlowBatch } from '../../decode/flow-batch.ts';
import type { MirrorCarrier } from '../../decode/mirror.ts';
import { VXLAN } from '../../decode/packet/udp-tunnels.ts';
import { rulesWith } from '../../decode/templated/elements.ts';
import { type LoadedElements, loadElements } from '../../elements/element-registry.ts';
import { type CapturedDatagram, readCapture } from '../capture.ts';
import { ElementPrinter } from './all-elements.ts';
import { redact } from './redact.ts';
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

const BATCH_ROWS = 8192;
const LIMITS: Limits = { templatesMax: 65536, exportersMax: 65536 };

/** Returns the exit code: 1 when a file could not be read, with the reason on `err`. */
export async function decodeFiles(
  files: readonly string[],
  {
    format,
    columns = [],
    allElements = false,
    mirrorRate = 0,
    redacted = false,
    elements = loadElements(''),
  }: DecodeOptions,
  out: Writable,
  err: Writable,
): Promise<number> {
  const list = columns.length > 0 ? columns : format === 'table' ? TABLE_COLUMNS.map(columnNamed) : DECODED_COLUMNS;
  const kept: FlowBatch[] = [];
  const texts: string[] = format === 'arrow' || allElements ? [] : [TEXT_FORMATS[format].head(list)];
  const fresh = () => createBatch(DECODED_COLUMNS, BATCH_ROWS) as unknown as FlowBatch;
  const output = {
    batch: fresh(),
    flush() {
      const { batch } = output;
      if (allElements) {
        clearBatch(batch);
        return;
      }
      if (redacted) redact(batch);
      if (format === 'arrow') {
        kept.push(batch);
        output.batch = fresh();
        return;
      }
      const { line } = TEXT_FORMATS[format];
      const rows = { ...batch, list };
      // A text for each batch: the rows of a large capture together are longer than a string may be.
      texts.push(Array.from({ length: batch.rows }, (_, row) => line(rows, row)).join(''));
      clearBatch(batch);
    },
  };
  const decoder = new Decoder(output, LIMITS);
  decoder.context.templated.elementRules = rulesWith(elements.mapped);
  const printer = allElements
    ? new ElementPrinter(decoder, elements.registry, format === 'table' ? 'table' : 'jsonl')
    : undefined;
  let failures = 0;
  for (const file of files) {
    try {
      const { datagrams, gre, passedOver, truncated, format: kind } = readCapture(file);
      let records = 0;
      const mirrored = (frames: readonly CapturedDatagram[], carrier: MirrorCarrier) => {
        for (const { payload, source, timeMs } of frames)
          records += decoder.decodeMirrored(payload, source, timeMs, carrier, mirrorRate);
      };
      for (const datagram of datagrams) {
        const { payload, source, sourcePort, destinationPort, timeMs } = datagram;
        if (mirrorRate > 0 && destinationPort === VXLAN) mirrored([datagram], 'vxlan');
        else if (printer) {
          const told = printer.decode(datagram);
          records += told.records;
          if (told.text !== '') texts.push(told.text);
        } else records += decoder.decode(payload, source, sourcePort, timeMs);
        for (const text of texts.splice(0)) await write(out, text);
      }
      if (mirrorRate > 0) mirrored(gre, 'gre');
      if (format !== 'arrow') output.flush();
      for (const text of texts.splice(0)) await write(out, text);
      const passed = passedOver + (mirrorRate > 0 ? 0 : gre.length);
      err.write(
        `${file}: ${kind}, ${datagrams.length} datagrams, ${records} records${passed > 0 ? `, ${passed} frames without a UDP payload` : ''}${truncated ? ', cut off in the middle of a frame' : ''}\n`,
      );
    } catch (error) {
      if (!(error instanceof HairpinError)) throw error;
      err.write(`${error.message}\n`);
      failures++;
    }
  }
  if (format === 'arrow') {
    if (redacted) redact(output.batch);
    const [first, ...more] = [output.batch, ...kept].map(batch => ({ ...batch, list }));
    for (const piece of encodePieces(first!, ...more)) await write(out, piece);
  }
  const domains = [...decoder.exporters.domains()];
  err.write(summary(decoder, domains));
  if (printer) err.write(`${templateList(domains, elements.registry)}${printer.notes()}`);
  return failures > 0 ? 1 : 0;
}

function columnNamed(name: string): Column {
  return DECODED_COLUMNS.find(column => column.name === name)!;
}

function write(out: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => out.write(chunk, error => (error ? reject(error) : resolve())));
}
