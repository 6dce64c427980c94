// The rows of every file of the corpus against tshark.

import type { Row } from '../data/datagrams.ts';
import { Agreement, type Unreported } from './agreement.ts';
import type { Unit } from './corpus.ts';
import { splitReverse } from './directions.ts';
import type { Tree } from './tshark.ts';
import {
  type Expected,
  expectedFlow,
  expectedReverse,
  flowsOf,
  isRepeated,
  type OptionsTemplates,
} from './tshark-flows.ts';
import { samplesOf } from './tshark-samples.ts';

const TWO_32 = 2 ** 32;

/** `unreported` are rows that tshark leaves out, `leftOut` columns that it reads otherwise. */
export function compareTshark(
  unit: Unit,
  frames: readonly Tree[],
  rows: readonly Row[],
  unreported: Unreported,
  leftOut: readonly string[],
): Agreement {
  const agreement = new Agreement('tshark', unit.files);
  agreement.compareCount('datagrams', unit.datagrams.length, frames.length);
  const options: OptionsTemplates = new Set();
  const reported = frames.map(frame => ({ flows: flowsOf(frame, options), samples: samplesOf(frame) }));
  const flows = reported.flatMap(frame => frame.flows);
  const expected: Expected[] = [];
  const reverse: Expected[] = [];
  let i = 0;
  for (const frame of reported) {
    for (const flow of frame.flows) {
      const repeated = isRepeated(flow, i++, flows);
      expected.push({ ...expectedFlow(flow), ...(repeated && { bytes: 0, packets: 0 }) });
      if (!repeated) reverse.push(...expectedReverse(flow));
    }
    expected.push(...frame.samples);
  }
  const split = splitReverse(agreement.leaveOut(rows, unreported), expected, leftOut);
  agreement.compareCount('rows', split.forward.length, expected.length);
  agreement.compareCount('reverse rows', split.reverse.length, reverse.length);
  for (const [record, one] of expected.entries()) compareTimed(agreement, record, split.forward[record] ?? {}, one);
  for (const [record, one] of reverse.entries()) agreement.compareRecord(record, split.reverse[record] ?? {}, one);
  return agreement;
}

/** Uptimes are 32 bits: one above that of the header was counted before it rolled over. */
function compareTimed(agreement: Agreement, record: number, row: Row, expected: Expected): void {
  const rolledOver = Object.entries(expected).filter(
    ([column, value]) => column.startsWith('flow') && Number(value) - TWO_32 === row[column],
  );
  agreement.compareRecord(record, row, {
    ...expected,
    ...Object.fromEntries(rolledOver.map(([column, value]) => [column, Number(value) - TWO_32])),
  });
}
