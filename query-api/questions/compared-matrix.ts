// A matrix beside the same of another window: cells that either window has, and the totals of all listed nodes.

import type { Estimate } from '../answers/answers.ts';
import { estimateOf, unseenEstimate } from '../sql/metrics-sql.ts';
import type { FoundWindow } from '../sql/tables.ts';
import type { NameValue } from '../sql/values.ts';
import { type MatrixCell, type MatrixFigures, type MatrixTotal, unseenCell } from './cells.ts';
import { byChange, type Compared, comparedWith } from './comparison.ts';
import { observedOf } from './grouped.ts';
import type { Listed, MatrixQuery, MatrixRow } from './matrix-statement.ts';

/** What was found of the compared window. */
export interface ThenMatrix {
  readonly rows: readonly MatrixRow[];
  readonly window: FoundWindow;
  /** Of both windows. */
  readonly comparable: boolean;
}

const UNSEEN: Estimate = { value: null, ciLow: null, ciHigh: null, samples: 0, method: 'none' };

export class ComparedMatrix {
  readonly #query: MatrixQuery;
  readonly #then: ThenMatrix;
  readonly #whole: MatrixRow | undefined;
  readonly #name: NameValue;
  /** By level, key of the row and key of the column. */
  readonly #rows: ReadonlyMap<string, MatrixRow>;

  constructor(query: MatrixQuery, then: ThenMatrix, name: NameValue) {
    this.#query = query;
    this.#then = then;
    this.#name = name;
    this.#whole = then.rows.find(({ level }) => level === 'total');
    this.#rows = new Map(
      then.rows.map(row => {
        const { src, dst } = this.#ends(row);
        return [placeOf(row.level, src.key, dst.key), row];
      }),
    );
  }

  #ends({ src, dst }: Pick<MatrixRow, 'src' | 'dst'>) {
    const { rows, columns } = this.#query;
    return { src: this.#name(rows.ends[0], src), dst: this.#name(columns.ends[1], dst) };
  }

  /** Cells that only the compared window has; `unseen` is what such a cell is now. */
  added(seen: readonly MatrixCell[], unseen: Pick<MatrixCell, 'value' | 'ciLow' | 'ciHigh'>): MatrixCell[] {
    const known = new Set(seen.map(({ src, dst }) => placeOf('cell', src.key, dst.key)));
    return this.#then.rows
      .filter(({ level }) => level === 'cell')
      .map(row => this.#ends(row))
      .filter(({ src, dst }) => !known.has(placeOf('cell', src.key, dst.key)))
      .map(({ src, dst }) => unseenCell(src, dst, unseen));
  }

  /** `coverage`: of each cell in the compared window. A pair that no live point saw was not seen to send nothing. */
  cells(cells: readonly MatrixCell[], coverage: readonly (number | null)[]): MatrixCell[] {
    const compared = cells.map((cell, i) => {
      const place = placeOf('cell', cell.src.key, cell.dst.key);
      const isInvisible = coverage[i] === 0 && !this.#rows.has(place);
      return { ...cell, compared: this.#with(cell, isInvisible ? UNSEEN : this.#at(place)) };
    });
    return this.#query.order === 'change' ? compared.toSorted(byChange) : compared;
  }

  /** Totals of rows and columns, of all and without the diagonal. */
  totals(
    figures: MatrixFigures,
    { columns: listed }: Listed,
  ): Pick<MatrixFigures, 'rows' | 'columns' | 'total' | 'interTotal'> {
    return {
      rows: figures.rows.map(row => ({ ...row, compared: this.#with(row, this.#at(placeOf('row', row.key, ''))) })),
      columns: this.#columns(figures, listed).map(column => ({
        ...column,
        compared: this.#with(column, this.#at(placeOf('column', '', column.key))),
      })),
      total: { ...figures.total, compared: this.#with(figures.total, this.#at(placeOf('total', '', ''))) },
      interTotal: {
        ...figures.interTotal,
        compared: this.#with(figures.interTotal, this.#at(placeOf('inter', '', ''))),
      },
    };
  }

  /** Those that received in either window; `unseen` is what a node that received nothing has. */
  #columns(figures: MatrixFigures, listed: readonly string[]): MatrixTotal[] {
    const known = new Map(figures.columns.map(column => [column.key, column]));
    const named = listed.map(raw => this.#name(this.#query.columns.ends[1], raw));
    const added = named
      .filter(({ key }) => !known.has(key) && this.#rows.has(placeOf('column', '', key)))
      .map(node => ({ ...node, ...figures.unseen }));
    if (this.#query.order === 'volume') return [...figures.columns, ...added];
    const all = new Map([...figures.columns, ...added].map(column => [column.key, column]));
    return named.flatMap(({ key }) => all.get(key) ?? []);
  }

  #at(place: string): Estimate {
    const observed = observedOf(this.#then.window);
    const row = this.#rows.get(place);
    return row
      ? estimateOf(row, this.#query.metric, observed)
      : unseenEstimate(this.#whole, this.#query.metric, observed);
  }

  #with(now: Estimate, then: Estimate): Compared {
    return comparedWith(now, then, this.#then.comparable);
  }
}

function placeOf(level: MatrixRow['level'], src: string, dst: string): string {
  return `${level} ${level === 'cell' || level === 'row' ? src : ''} ${level === 'cell' || level === 'column' ? dst : ''}`;
}
