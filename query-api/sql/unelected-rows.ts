// Rows of unelected traffic as a query reads them: in the roll-up and behind it, or all from the records.
//
// Only what is named is read and grouped by. To analyse a statement costs more than to read a small window, and it grows with
// every column and every layer.

import { FIVE_MINUTES_S, POINT_COLUMNS, UNELECTED_COLUMNS, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { FIGURES, type LARGEST, spreadSql } from '../../storage/tables/spread.ts';
import { type Layer, MEETS_WINDOW, VOLUMES } from './layer.ts';
import type { Window } from './window.ts';

/** The coarsest tables that hold every column of a query. `cells`: five minutes beyond the reach of `traffic`. */
export type Source = 'traffic' | 'cells' | 'pairs' | 'flows';

export const BUCKET_IN_WINDOW = 'bucket >= toDateTime({windowFrom:UInt32}) AND bucket < toDateTime({windowTo:UInt32})';
/** Partitions are days of receipt; a record is received at most a day before or after its traffic (spanMsMax, skewMsMax). */
export const IN_WINDOW = `day BETWEEN toYYYYMMDD(toDateTime({windowFrom:UInt32} - 86400, 'UTC')) AND toYYYYMMDD(toDateTime({windowTo:UInt32} + 86400, 'UTC')) AND ${BUCKET_IN_WINDOW}`;
export const NOT_ROLLED_UP = "storedAt >= toDateTime({rolledUpUntil:UInt32}, 'UTC')";
export const ARRIVED = { name: 'arrived', sql: 'toUInt32(toStartOfMinute(receivedAt))' };

/** What rows of a window are read with. */
export function windowParams({ window, rolledUpUntilS }: { readonly window: Window; readonly rolledUpUntilS: number }) {
  return { windowFrom: window.fromS, windowTo: window.toS, rolledUpUntil: rolledUpUntilS };
}

/** Columns that no condition names. */
export function carriedOf(arrival: boolean): readonly string[] {
  return arrival ? ['arrived'] : [];
}

/** What figures are made of. */
export function figuresOf(arrival: boolean): readonly string[] {
  return arrival ? [...FIGURES, 'squares', 'largestRecord'] : FIGURES;
}

/**
 * Rows that an earlier version rolled up do not state what one more sampled packet may stand for. It is taken from the packets
 * per sample then, 1500 bytes each, and is no less than the mean of what was sampled; unsampled packets in the row raise it.
 */
const SUPPOSED: Readonly<Record<string, string>> = {
  largestBytes: 'greatest(if(bytes = 0, 0, varBytes / bytes), 1500 * packets / greatest(samples, 1))',
  largestPackets: 'packets / greatest(samples, 1)',
} satisfies Record<(typeof LARGEST)[number], string>;

export function statedSql(name: string): string {
  const supposed = SUPPOSED[name];
  return supposed === undefined ? name : `if(${name} > 0 OR varBytes = 0, toFloat64(${name}), ${supposed}) AS ${name}`;
}

/** Rows that an earlier version rolled up name no meter and no interface: there each observation point is both. */
const OF_ROLLUP: Readonly<Record<string, string>> = {
  meter: 'if(meter = 0, point, meter) AS meter',
  interface: 'if(interface = 0, point, interface) AS interface',
};

export interface UnelectedRead {
  readonly source: Source;
  readonly layer: Layer;
  /** Columns of UNELECTED_COLUMNS. */
  readonly keys: readonly string[];
  readonly columns: readonly string[];
  readonly figures: readonly string[];
  /** `arrived` is read as well. */
  readonly arrival: boolean;
  /** Of the columns. */
  readonly condition: string;
}

/** SELECT of bucket, keys, columns and figures. */
export function unelectedRowsSql({ source, layer, keys, columns, figures, arrival, condition }: UnelectedRead): string {
  const summed = figures.map(statedSql);
  const named = (key: (name: string) => string) =>
    ['bucket', ...keys.map(key), ...columns, ...carriedOf(arrival), ...summed].join(', ');
  const fromRecords = (where: string) => {
    const spread = spreadSql({
      stepSeconds: FIVE_MINUTES_S,
      from: 'flows',
      where: `${UNELECTED_SQL} AND ${where}`,
      keys: [
        ...columns,
        ...carriedOf(arrival).map(() => ARRIVED),
        ...UNELECTED_COLUMNS.filter(({ name }) => keys.includes(name)),
      ],
      volume: VOLUMES[layer].whole,
      squares: arrival,
    });
    return `SELECT ${named(name => name)} FROM (${spread}) WHERE ${BUCKET_IN_WINDOW} AND ${condition}`;
  };
  if (source === 'flows') return fromRecords(MEETS_WINDOW);
  const rolledUp = `SELECT ${named(name => OF_ROLLUP[name] ?? name)} FROM unelected_5m WHERE ${IN_WINDOW} AND ${condition}`;
  return `${rolledUp}\nUNION ALL\n${fromRecords(`${NOT_ROLLED_UP} AND ${MEETS_WINDOW}`)}`;
}

/** What a choice is made of. */
export const CHOICE_KEYS = ['pair', ...POINT_COLUMNS.map(({ name }) => name)] as const;
