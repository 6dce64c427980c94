// Decides which interfaces count of unelected traffic (unelected.ts), for one window, before what counts is read.
//
// Learned traffic needs no choice. A first statement finds the pairs that nothing learned decides; unsampled there are mostly none. A second
// one chooses for these. Its result goes to the statement that counts as a parameter, up to CHOICES_MAX pairs. Of more pairs the
// choice is part of that statement, which then takes longer to analyse and as long to read.

import { type QueryParams, type Storage, StorageError } from '../../storage/storage.ts';
import type { Layer } from './layer.ts';
import { type Choices, choicesSql, undecidedSql } from './unelected.ts';
import { CHOICE_KEYS, type Source, type UnelectedRead, unelectedRowsSql, windowParams } from './unelected-rows.ts';
import type { Window } from './window.ts';

/** Pairs whose choice is passed as a parameter, about 60 bytes each. */
const CHOICES_MAX = 10_000;
/** Legs of these pairs: the server stops at more, instead of choosing for a window of which the choice is not passed. */
const GROUPS_MAX = 200_000;
/** TOO_MANY_ROWS */
const BEYOND_GROUPS = 158;

export interface ChoiceWindow {
  readonly source: Source;
  readonly layer: Layer;
  readonly window: Window;
  readonly rolledUpUntilS: number;
  readonly isLearned: boolean;
}

interface UndecidedRow {
  readonly pairs: readonly string[];
  readonly countedRate: number;
}

interface ChoiceRow {
  readonly pair: string;
  readonly meter: string;
  readonly again: readonly string[];
  readonly excess: number;
  readonly isMissed: number;
  readonly apart: readonly (readonly [id: string, sign: number, bytes: number])[];
}

const PASSED_SQL = `
SELECT one.1 AS pair, one.2 AS meter, one.3 AS again, one.4 AS excess, one.5 AS isMissed, arrayZip(one.6, one.7, one.8) AS apart, 1 AS isChosen
FROM (SELECT arrayJoin(arrayZip({chosenPairs:Array(UInt64)}, {chosenMeters:Array(UInt64)}, {chosenAgain:Array(Array(UInt64))}, {chosenExcess:Array(Float64)}, {chosenMissed:Array(UInt8)},
  {chosenApart:Array(Array(UInt64))}, {chosenApartSigns:Array(Array(Float64))}, {chosenApartBytes:Array(Array(Float64))})) AS one)`;

export async function chooseUnelected(
  storage: Storage,
  window: ChoiceWindow,
  choicesMax = CHOICES_MAX,
): Promise<Choices> {
  const { isLearned } = window;
  const params = windowParams(window);
  const undecided = isLearned ? await readUndecided(storage, window, choicesMax) : undefined;
  if (undecided?.pairs.length === 0) return { isLearned, sql: undefined, params: {} };
  const rate = { countedRate: undecided?.countedRate ?? 0 };
  const rows = unelectedRowsSql(
    readOf(window, CHOICE_KEYS, ['bytes', 'packets', 'varBytes', 'samples', 'largestPackets']),
  );
  const isFew = undecided === undefined || undecided.pairs.length <= choicesMax;
  if (isFew) {
    const pairs = undecided ? { undecided: undecided.pairs.map(BigInt) } : {};
    const among = undecided ? 'pair IN {undecided:Array(UInt64)}' : '1';
    const sql = `${choicesSql(rows, isLearned, among)} LIMIT ${choicesMax + 1} SETTINGS max_rows_to_group_by = ${GROUPS_MAX}`;
    const chosen = await selectFew(storage, sql, { ...params, ...rate, ...pairs });
    if (chosen && chosen.length <= choicesMax) return { isLearned, sql: PASSED_SQL, params: passed(chosen) };
  }
  const among = isLearned
    ? `pair GLOBAL IN (SELECT pair FROM (${undecidedSql(undecidedRows(window))}) WHERE undecided)`
    : '1';
  return { isLearned, sql: choicesSql(rows, isLearned, among), params: rate };
}

async function selectFew(storage: Storage, sql: string, params: QueryParams): Promise<ChoiceRow[] | undefined> {
  try {
    return await storage.select<ChoiceRow>(sql, params);
  } catch (error) {
    if (error instanceof StorageError && error.clickhouseCode === BEYOND_GROUPS) return undefined;
    throw error;
  }
}

function readOf({ source, layer }: ChoiceWindow, keys: readonly string[], figures: readonly string[]): UnelectedRead {
  return { source, layer, keys, columns: [], figures, arrival: false, condition: '1' };
}

function undecidedRows(window: ChoiceWindow): string {
  return unelectedRowsSql(readOf(window, ['pair', 'source', 'interface'], ['samples', 'largestPackets']));
}

async function readUndecided(storage: Storage, window: ChoiceWindow, choicesMax: number): Promise<UndecidedRow> {
  const sql = `
SELECT groupArrayIf(${choicesMax + 1})(pair, undecided) AS pairs, max(u.countedRate) AS countedRate
FROM (${undecidedSql(undecidedRows(window))}) AS u`;
  const [row] = await storage.select<UndecidedRow>(sql, windowParams(window));
  return row ?? { pairs: [], countedRate: 0 };
}

function passed(chosen: readonly ChoiceRow[]): Record<string, unknown> {
  return {
    chosenPairs: chosen.map(({ pair }) => BigInt(pair)),
    chosenMeters: chosen.map(({ meter }) => BigInt(meter)),
    chosenAgain: chosen.map(({ again }) => again.map(BigInt)),
    chosenExcess: chosen.map(({ excess }) => excess),
    chosenMissed: chosen.map(({ isMissed }) => isMissed),
    chosenApart: chosen.map(({ apart }) => apart.map(([id]) => BigInt(id))),
    chosenApartSigns: chosen.map(({ apart }) => apart.map(([, sign]) => sign)),
    chosenApartBytes: chosen.map(({ apart }) => apart.map(([, , bytes]) => bytes)),
  };
}
