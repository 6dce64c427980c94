// Halves of a batch that is too large for a topic. The same batch always gives the same halves under the same names, so
// that the enricher recognises the halves of a batch that is halved again after a crash.

import { decodeArrow, encodeArrow } from '../../schemas/arrow.ts';
import { arrayOf, type Batch, type BatchIdentity, type BatchKind, createBatch } from '../../schemas/batch.ts';
import { COLLECTOR_COLUMNS } from '../../schemas/collector-minute.ts';
import { type Column, KINDS } from '../../schemas/columns.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import { decodeFacts, encodeFacts } from '../../schemas/fact-batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../../schemas/interface-minute.ts';

export interface BatchPart {
  readonly identity: BatchIdentity;
  readonly arrow: Uint8Array;
}

/** Halvings of one batch; 65,536 rows are single ones after 16. */
const PART_DIGITS_MAX = 20;

const LISTS: Readonly<Record<Exclude<BatchKind, 'facts'>, readonly Column[]>> = {
  flows: DECODED_COLUMNS,
  exporters: EXPORTER_COLUMNS,
  interfaces: INTERFACE_COLUMNS,
  collectors: COLLECTOR_COLUMNS,
};

/** Two parts, or none when the batch has a single row. */
export function splitBatch(identity: BatchIdentity, arrow: Uint8Array): readonly BatchPart[] {
  const { kind, part = '' } = identity;
  if (part.length >= PART_DIGITS_MAX) return [];
  const halves = kind === 'facts' ? halvesOfFacts(arrow) : halvesOfRows(LISTS[kind], arrow);
  return halves.map((half, i) => ({ identity: { ...identity, part: `${part}${i}` }, arrow: half }));
}

function halvesOfFacts(arrow: Uint8Array): Uint8Array[] {
  const { facts } = decodeFacts(arrow);
  const middle = facts.length >>> 1;
  return middle === 0 ? [] : [facts.slice(0, middle), facts.slice(middle)].map(half => whole(encodeFacts(half).arrow));
}

function halvesOfRows(list: readonly Column[], arrow: Uint8Array): Uint8Array[] {
  const { batch } = decodeArrow(list, arrow);
  const middle = batch.rows >>> 1;
  return middle === 0 ? [] : [slice(batch, 0, middle), slice(batch, middle, batch.rows)].map(half => encodeArrow(half));
}

function slice(batch: Batch<readonly Column[]>, from: number, to: number): Batch<readonly Column[]> {
  const part = createBatch(batch.list, to - from);
  for (const { name, kind } of batch.list) {
    const { wordsPerRow } = KINDS[kind];
    arrayOf(part, name).set(arrayOf(batch, name).subarray(from * wordsPerRow, to * wordsPerRow));
  }
  part.rows = to - from;
  return part;
}

function whole(bytes: Uint8Array | readonly Uint8Array[]): Uint8Array {
  return bytes instanceof Uint8Array ? bytes : Buffer.concat(bytes);
}
