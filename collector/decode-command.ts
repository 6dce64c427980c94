// `hairpin decode FILE...`: captures to rows on standard output, a summary on standard error. All files share one
// decoder, in the order given, so that templates in one serve data in the next. Text is written a batch at a time and
// waits for its reader; an Arrow stream is kept in memory until the last record, some 200 bytes each.

import type { Writable } from 'node:stream';
import { formatAddress, formatMac, wordsOfRow } from '../schemas/address.ts';
import { encodePieces } from '../schemas/arrow.ts';
import { arrayOf, type Batch, clearBatch, createBatch } from '../schemas/batch.ts';
import { PROTOCOLS } from '../schemas/codes.ts';
import { type Column, KINDS } from '../schemas/columns.ts';
import { DECODED_COLUMNS } from '../schemas/flow.ts';
import { HairpinError } from '../service/errors.ts';
import { readCapture } from './capture.ts';
import type { Limits } from './decode/context.ts';
import { Decoder } from './decode/decoder.ts';
import { FAULTS, faultSlot } from './decode/faults.ts';
import type { FlowBatch } from './decode/flow-batch.ts';

export const DECODE_FORMATS = ['jsonl', 'csv', 'arrow'] as const;
export type DecodeFormat = (typeof DECODE_FORMATS)[number];

const BATCH_ROWS = 8192;
const LIMITS: Limits = { templatesMax: 65536, exportersMax: 65536 };

/** Returns the exit code: 1 when a file could not be read, with the reason on `err`. */
export async function decodeFiles(
  files: readonly string[],
  format: DecodeFormat,
  out: Writable,
  err: Writable,
): Promise<number> {
  const batch = createBatch(DECODED_COLUMNS, BATCH_ROWS) as unknown as FlowBatch;
  const kept: FlowBatch[] = [];
  const texts: string[] = format === 'csv' ? [`${batch.list.map(column => column.name).join(',')}\n`] : [];
  const line = format === 'csv' ? csvLine : jsonLine;
  const output = {
    batch,
    flush() {
      if (format === 'arrow') {
        kept.push(output.batch);
        output.batch = createBatch(DECODED_COLUMNS, BATCH_ROWS) as unknown as FlowBatch;
        return;
      }
      // A text for each batch: the rows of a large capture together are longer than a string may be.
      texts.push(Array.from({ length: batch.rows }, (_, row) => line(batch, row)).join(''));
      clearBatch(batch);
    },
  };
  const decoder = new Decoder(output, LIMITS);
  let failures = 0;
  for (const file of files) {
    try {
      const { datagrams, passedOver, truncated, format: kind } = readCapture(file);
      let records = 0;
      for (const { payload, source, sourcePort, timeMs } of datagrams) {
        records += decoder.decode(payload, source, sourcePort, timeMs);
        for (const text of texts.splice(0)) await write(out, text);
      }
      if (format !== 'arrow') output.flush();
      for (const text of texts.splice(0)) await write(out, text);
      err.write(
        `${file}: ${kind}, ${datagrams.length} datagrams, ${records} records${passedOver > 0 ? `, ${passedOver} frames without a UDP payload` : ''}${truncated ? ', cut off in the middle of a frame' : ''}\n`,
      );
    } catch (error) {
      if (!(error instanceof HairpinError)) throw error;
      err.write(`${error.message}\n`);
      failures++;
    }
  }
  if (format === 'arrow') for (const piece of encodePieces(output.batch, ...kept)) await write(out, piece);
  err.write(faultSummary(decoder));
  return failures > 0 ? 1 : 0;
}

function write(out: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => out.write(chunk, error => (error ? reject(error) : resolve())));
}

function faultSummary(decoder: Decoder): string {
  const lines: string[] = [];
  PROTOCOLS.forEach((protocol, code) => {
    FAULTS.forEach((reason, fault) => {
      const count = decoder.context.faults[faultSlot(code, fault)]!;
      if (count > 0) lines.push(`  ${protocol} ${reason}: ${count}\n`);
    });
  });
  const domains = [...decoder.exporters.domains()];
  const sum = (pick: (domain: (typeof domains)[number]) => number) =>
    domains.reduce((total, domain) => total + pick(domain), 0);
  return `exporters ${decoder.exporters.size}, templates learned ${sum(d => d.templatesLearned)}, lost by sequence ${sum(d => d.lost)}, records of unknown sampling rate ${sum(d => d.unknownRateRecords)}\n${lines.length > 0 ? `faults:\n${lines.join('')}` : 'no faults\n'}`;
}

/** A value as JSON text; 64-bit integers as plain digits. */
function jsonValue(batch: Batch<readonly Column[]>, column: Column, row: number): string {
  const array = arrayOf(batch, column.name);
  if (column.codes) return `"${column.codes[array[row]!] ?? array[row]}"`;
  switch (column.kind) {
    case 'address':
      return `"${formatAddress(wordsOfRow(array as Uint32Array, row))}"`;
    case 'bytes16':
      return `"${Buffer.from(array.buffer, row * 16, 16)
        .toString('hex')
        .replace(/^0+$/, '')}"`;
    case 'time':
      return `"${new Date(wide(array, row)).toISOString()}"`;
    case 'u64':
      if (column.name.endsWith('Mac'))
        return array[2 * row] === 0 && array[2 * row + 1] === 0
          ? '""'
          : `"${formatMac(array[2 * row]!, array[2 * row + 1]!)}"`;
      return String((BigInt(array[2 * row + 1]!) << 32n) | BigInt(array[2 * row]!));
    default:
      return String(array[row * KINDS[column.kind].wordsPerRow]);
  }
}

const TIME_MS_MAX = 8.64e15;

function wide(array: ArrayLike<number>, row: number): number {
  return Math.min(TIME_MS_MAX, array[2 * row + 1]! * 4294967296 + array[2 * row]!);
}

function jsonLine(batch: Batch<readonly Column[]>, row: number): string {
  return `{${batch.list.map(column => `"${column.name}":${jsonValue(batch, column, row)}`).join(',')}}\n`;
}

/** No value needs quotes in CSV: codes, numbers, addresses and times hold neither commas nor quotes. */
function csvLine(batch: Batch<readonly Column[]>, row: number): string {
  return `${batch.list.map(column => jsonValue(batch, column, row).replaceAll('"', '')).join(',')}\n`;
}
