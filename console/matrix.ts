// The matrix as an ARIA grid: rows send, columns receive. A refresh changes texts and colours in place; only when other
// nodes appear is the table built again, and then focus and scroll stay where they were.

import type { Value } from '../query-api/answers/answers.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import { el, setText } from './dom.ts';
import { logScale, type Scale, type ThemeName } from './scale.ts';
import { formatError, formatShare, formatShort, formatValue, type Uncertain } from './units.ts';
import type { Selection } from './view-state.ts';

/** A row or column: a node, the rest, or the total. */
type Line = { readonly kind: 'node'; readonly node: Value } | { readonly kind: 'rest' } | { readonly kind: 'total' };

interface Figure extends Uncertain {
  readonly samples: number;
}

export interface MatrixEvents {
  /** A cell, a total, or undefined when the selection is cleared. */
  select(selection: Selection | undefined): void;
  /** The cell under the pointer or the focus, in words. */
  read(text: string): void;
}

/** An answer as it is drawn. */
interface Drawing {
  readonly answer: MatrixAnswer;
  readonly figures: ReadonlyMap<string, Figure>;
  readonly scale: Scale;
  /** Shorter where there are many columns. */
  readonly format: typeof formatValue;
}

interface Position {
  readonly row: number;
  readonly column: number;
}

/** Beyond this many columns names stand upright and numbers lose a digit. */
const UPRIGHT_MIN = 9;

const keyOf = (line: Line) => (line.kind === 'node' ? line.node.key : line.kind);
const nameOf = (line: Line) =>
  line.kind === 'node' ? shortName(line.node) : line.kind === 'rest' ? 'the rest' : 'all';

/** Nodes that nobody named: address blocks and name stems. Their keys say so (schemas/keys.ts). */
export function isAutomatic(node: Value): boolean {
  return /^3[0-9a-f]{15}$/.test(node.key) || node.name.startsWith('auto:');
}

/** The name as headings show it: type and colour show `auto:` instead. */
export function shortName(node: Value): string {
  return node.name.replace(/^auto:/, '');
}

export class Matrix {
  readonly #root: HTMLElement;
  readonly #events: MatrixEvents;
  /** Keys of the nodes, as they were sorted first. */
  #order: string[] = [];
  /** What the table was built for. */
  #signature = '';
  /** The rows, and in the same order the columns. */
  #lines: readonly Line[] = [];
  #cells: HTMLTableCellElement[][] = [];
  #headers: { readonly rows: HTMLElement[]; readonly columns: HTMLElement[] } = { rows: [], columns: [] };
  #at: Position = { row: 0, column: 0 };
  #selected: Selection = {};
  #drawing: Drawing | undefined;

  constructor(root: HTMLElement, events: MatrixEvents) {
    this.#root = root;
    this.#events = events;
    root.addEventListener('keydown', event => this.#keydown(event));
    root.addEventListener('click', event => {
      const position = positionUnder(event);
      if (!position) return;
      this.#move(position);
      this.#open(position);
    });
    for (const kind of ['mouseover', 'focusin']) {
      root.addEventListener(kind, event => {
        const position = positionUnder(event);
        if (position) this.#cross(position);
      });
    }
  }

  update(answer: MatrixAnswer, theme: ThemeName, selection: Selection): Scale {
    const present = answer.rows.map(row => row.key);
    const known = this.#order.filter(key => present.includes(key));
    this.#order = [...known, ...present.filter(key => !known.includes(key))];
    const names = this.#order.map(key => nodeOf(answer, key).name);
    const signature = JSON.stringify([answer.by, names, answer.nodes > names.length]);
    if (signature !== this.#signature) {
      this.#signature = signature;
      this.#build(answer);
    }
    const scale = logScale(
      answer.cells.map(cell => cell.value ?? 0),
      theme,
    );
    const drawing = { answer, figures: figuresOf(answer), scale, format: this.#isTight() ? formatShort : formatValue };
    this.#drawing = drawing;
    for (const cell of this.#cells.flat()) draw(cell, drawing, this.#wordsAt(positionOf(cell)));
    this.mark(selection);
    return scale;
  }

  mark(selection: Selection): void {
    this.#selected = selection;
    const { src = 'total', dst = 'total' } = selection;
    const none = selection.src === undefined && selection.dst === undefined;
    for (const cell of this.#cells.flat()) {
      const is = !none && cell.dataset['src'] === src && cell.dataset['dst'] === dst;
      if ((cell.getAttribute('aria-selected') === 'true') !== is) cell.setAttribute('aria-selected', String(is));
    }
  }

  /** Forgets the order of the nodes: the next update sorts them by size again. */
  reorder(): void {
    this.#order = [];
    this.#signature = '';
  }

  focusSelected(): void {
    const { src = 'total', dst = 'total' } = this.#selected;
    const selected = this.#cells.flat().find(cell => cell.dataset['src'] === src && cell.dataset['dst'] === dst);
    (selected ?? this.#cellAt(this.#at))?.focus();
  }

  /** Replaces the table; focus and scroll stay where they were. */
  #build(answer: MatrixAnswer): void {
    const isFocused = this.#root.contains(document.activeElement);
    const held = { row: this.#lines[this.#at.row], column: this.#lines[this.#at.column] };
    const lines = linesOf(answer, this.#order);
    this.#lines = lines;
    this.#headers = {
      rows: lines.map(line => headerOf(line, 'row', 'Received')),
      columns: lines.map(line => headerOf(line, 'col', 'Sent')),
    };
    this.#cells = lines.map((row, r) => lines.map((column, c) => cellOf(row, column, { row: r, column: c })));
    const { scrollLeft, scrollTop } = this.#root;
    this.#root.replaceChildren(this.#table());
    this.#root.scrollTo(scrollLeft, scrollTop);
    this.#at = { row: indexOf(lines, held.row), column: indexOf(lines, held.column) };
    const cell = this.#cellAt(this.#at);
    cell?.setAttribute('tabindex', '0');
    if (isFocused) cell?.focus({ preventScroll: true });
  }

  #table(): HTMLElement {
    const { rows, columns } = this.#headers;
    const count = this.#lines.length + 1;
    const corner = el(
      'td',
      { class: 'corner' },
      el('span', { class: 'axis-from' }, 'sender ↓'),
      el('span', { class: 'axis-to' }, 'receiver →'),
    );
    const body = this.#lines.map((line, r) =>
      el('tr', { role: 'row', class: line.kind }, rows[r]!, ...this.#cells[r]!),
    );
    return el(
      'table',
      {
        role: 'grid',
        class: `matrix${this.#isTight() ? ' upright' : ''}`,
        'aria-label': 'Traffic from row to column',
        'aria-rowcount': count,
        'aria-colcount': count,
      },
      el('thead', {}, el('tr', { role: 'row' }, corner, ...columns)),
      el('tbody', {}, ...body),
    );
  }

  /** The cell in words, as it is drawn: empty before anything is. */
  #wordsAt({ row, column }: Position): string {
    if (!this.#drawing) return '';
    const { answer, figures } = this.#drawing;
    const [from, to] = [this.#lines[row]!, this.#lines[column]!];
    return describe(answer, from, to, figures.get(`${keyOf(from)}|${keyOf(to)}`));
  }

  #isTight(): boolean {
    return this.#lines.length > UPRIGHT_MIN;
  }

  #cellAt({ row, column }: Position): HTMLTableCellElement | undefined {
    return this.#cells[row]?.[column];
  }

  #keydown(event: KeyboardEvent): void {
    const { row, column } = this.#at;
    const last = this.#cells.length - 1;
    const far = event.ctrlKey || event.metaKey;
    const moves: Readonly<Record<string, () => void>> = {
      ArrowUp: () => this.#move({ row: row - 1, column }),
      ArrowDown: () => this.#move({ row: row + 1, column }),
      ArrowLeft: () => this.#move({ row, column: column - 1 }),
      ArrowRight: () => this.#move({ row, column: column + 1 }),
      Home: () => this.#move({ row: far ? 0 : row, column: 0 }),
      End: () => this.#move({ row: far ? last : row, column: last }),
      PageUp: () => this.#move({ row: row - 10, column }),
      PageDown: () => this.#move({ row: row + 10, column }),
      Enter: () => this.#open(this.#at),
      ' ': () => this.#open(this.#at),
      Escape: () => this.#events.select(undefined),
    };
    const act = moves[event.key];
    if (!act || event.altKey) return;
    event.preventDefault();
    act();
  }

  #move({ row, column }: Position): void {
    const r = Math.min(this.#cells.length - 1, Math.max(0, row));
    const c = Math.min((this.#cells[r]?.length ?? 1) - 1, Math.max(0, column));
    this.#cellAt(this.#at)?.setAttribute('tabindex', '-1');
    this.#at = { row: r, column: c };
    const cell = this.#cellAt(this.#at);
    cell?.setAttribute('tabindex', '0');
    cell?.focus();
  }

  #open({ row, column }: Position): void {
    const [from, to] = [this.#lines[row]!, this.#lines[column]!];
    if (from.kind === 'rest' || to.kind === 'rest') return;
    this.#events.select({
      ...(from.kind === 'node' ? { src: from.node.key } : {}),
      ...(to.kind === 'node' ? { dst: to.node.key } : {}),
    });
  }

  #cross(position: Position): void {
    for (const header of this.#root.querySelectorAll('th.crossed')) header.classList.remove('crossed');
    this.#headers.rows[position.row]?.classList.add('crossed');
    this.#headers.columns[position.column]?.classList.add('crossed');
    this.#events.read(this.#wordsAt(position));
  }
}

function positionOf({ dataset }: HTMLElement): Position {
  return { row: Number(dataset['row']), column: Number(dataset['column']) };
}

function positionUnder(event: Event): Position | undefined {
  const cell = (event.target as Element).closest<HTMLElement>('td.cell');
  return cell ? positionOf(cell) : undefined;
}

function linesOf(answer: MatrixAnswer, keys: readonly string[]): Line[] {
  const nodes = keys.map((key): Line => ({ kind: 'node', node: nodeOf(answer, key) }));
  const rest: Line[] = answer.nodes > nodes.length ? [{ kind: 'rest' }] : [];
  return [...nodes, ...rest, { kind: 'total' }];
}

/** Where a line of the table before is now; the first where it is gone. */
function indexOf(lines: readonly Line[], held: Line | undefined): number {
  if (!held) return 0;
  return Math.max(
    0,
    lines.findIndex(line => keyOf(line) === keyOf(held)),
  );
}

function headerOf(line: Line, scope: 'row' | 'col', total: string): HTMLElement {
  const text = line.kind === 'node' ? line.node.name : line.kind === 'rest' ? 'Rest' : total;
  const automatic = line.kind === 'node' && isAutomatic(line.node);
  const role = scope === 'row' ? 'rowheader' : 'columnheader';
  return el(
    'th',
    {
      scope,
      role,
      class: `${line.kind}${automatic ? ' automatic' : ''}`,
      title: automatic ? `${text}: an automatic node, no application document names it` : text,
    },
    el('span', {}, line.kind === 'node' ? shortName(line.node) : text),
  );
}

function cellOf(row: Line, column: Line, at: Position): HTMLTableCellElement {
  const kinds = [row.kind, column.kind];
  const kind = kinds.includes('total') ? 'total' : kinds.includes('rest') ? 'rest' : 'node';
  const cell = el(
    'td',
    { role: 'gridcell', tabindex: -1, class: `cell ${kind}${isDiagonal(row, column) ? ' diagonal' : ''}` },
    el('span', { class: 'value' }),
    el('span', { class: 'error' }),
  );
  cell.dataset['row'] = String(at.row);
  cell.dataset['column'] = String(at.column);
  cell.dataset['src'] = keyOf(row);
  cell.dataset['dst'] = keyOf(column);
  return cell;
}

function isDiagonal(row: Line, column: Line): boolean {
  return row.kind === 'node' && column.kind === 'node' && row.node.key === column.node.key;
}

function draw(cell: HTMLTableCellElement, { answer, figures, scale, format }: Drawing, words: string): void {
  const figure = figures.get(`${cell.dataset['src']}|${cell.dataset['dst']}`);
  const [value, error] = cell.children as unknown as [HTMLElement, HTMLElement];
  const amount = figure?.value ?? 0;
  const seen = figure !== undefined && amount > 0;
  setText(value, seen || figure?.value === null ? format(figure!.value, answer.metric) : '·');
  setText(error, seen ? formatError(figure) : '');
  cell.classList.toggle('empty', !seen);
  if (cell.getAttribute('aria-label') !== words) cell.setAttribute('aria-label', words);
  if (!cell.classList.contains('node')) return;
  const { background, ink } = seen ? scale.colour(amount) : { background: '', ink: '' };
  cell.style.setProperty('--heat', background);
  cell.style.setProperty('--on-heat', ink);
}

function nodeOf(answer: MatrixAnswer, key: string): Value {
  return answer.rows.find(row => row.key === key) ?? { key, name: key };
}

/** Every figure of the grid by `src|dst`. The rest of a row is its total less what the row shows. */
function figuresOf(answer: MatrixAnswer): Map<string, Figure> {
  const figures = new Map<string, Figure>();
  const shownOfRow = new Map<string, number>();
  const shownOfColumn = new Map<string, number>();
  for (const cell of answer.cells) {
    figures.set(`${cell.src.key}|${cell.dst.key}`, cell);
    shownOfRow.set(cell.src.key, (shownOfRow.get(cell.src.key) ?? 0) + sizeOf(cell));
    shownOfColumn.set(cell.dst.key, (shownOfColumn.get(cell.dst.key) ?? 0) + sizeOf(cell));
  }
  const bare = (value: number): Figure => ({ value, ciLow: null, ciHigh: null, samples: 0 });
  for (const row of answer.rows) figures.set(`${row.key}|total`, row);
  for (const column of answer.columns) figures.set(`total|${column.key}`, column);
  figures.set('total|total', answer.total);
  if (answer.rest === null) return figures;
  for (const row of answer.rows) figures.set(`${row.key}|rest`, bare(sizeOf(row) - (shownOfRow.get(row.key) ?? 0)));
  for (const column of answer.columns)
    figures.set(`rest|${column.key}`, bare(sizeOf(column) - (shownOfColumn.get(column.key) ?? 0)));
  const sum = (totals: readonly Figure[]) => totals.reduce((all, total) => all + sizeOf(total), 0);
  const [whole, rows, columns] = [sizeOf(answer.total), sum(answer.rows), sum(answer.columns)];
  figures.set('rest|total', bare(whole - rows));
  figures.set('total|rest', bare(whole - columns));
  figures.set('rest|rest', bare(Math.max(0, whole - rows - columns + sum(answer.cells))));
  return figures;
}

/** Of a figure that adds up, which always has a value. */
function sizeOf({ value }: Pick<Figure, 'value'>): number {
  return value ?? 0;
}

function describe(answer: MatrixAnswer, row: Line, column: Line, figure: Figure | undefined): string {
  const who =
    row.kind === 'node' && isDiagonal(row, column)
      ? `within ${shortName(row.node)}`
      : `${nameOf(row)} → ${nameOf(column)}`;
  if (figure?.value === null) return `${who}: too few closed buckets`;
  if (!figure || figure.value <= 0) return `${who}: nothing seen`;
  const parts = [`${who}: ${formatValue(figure.value, answer.metric)}`];
  if (figure.ciLow !== null && figure.ciHigh !== null && figure.ciHigh > figure.ciLow)
    parts.push(
      `95 % between ${formatValue(figure.ciLow, answer.metric)} and ${formatValue(figure.ciHigh, answer.metric)}`,
    );
  if (figure.method === 'unknown') parts.push('error not known: a sampling rate is missing');
  if (figure.method === 'noisy') parts.push('raised by the noise of sampling');
  if (answer.rest !== null && answer.total.value)
    parts.push(`${formatShare(figure.value / answer.total.value)} of all`);
  return parts.join(' · ');
}
