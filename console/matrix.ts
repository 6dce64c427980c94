// The matrix as an ARIA grid: rows send, columns receive. A refresh changes texts and colours in place; only when other
// nodes appear is the table built again, and then focus and scroll stay where they were.

import type { Value } from '../query-api/answers/answers.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import { el, setText } from './dom.ts';
import { formatError, formatShare, formatShort, formatValue, type Uncertain } from './format.ts';
import { logScale, type Scale, type ThemeName } from './scale.ts';
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

export interface Matrix {
  update(answer: MatrixAnswer, theme: ThemeName, selection: Selection): Scale;
  mark(selection: Selection): void;
  /** Forgets the order of the nodes: the next update sorts them by size again. */
  reorder(): void;
  focusSelected(): void;
}

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

export function createMatrix(root: HTMLElement, events: MatrixEvents): Matrix {
  let order: string[] = [];
  let signature = '';
  let lines: { rows: Line[]; columns: Line[] } = { rows: [], columns: [] };
  let cells: HTMLTableCellElement[][] = [];
  let headers: { rows: HTMLElement[]; columns: HTMLElement[] } = { rows: [], columns: [] };
  let at = { row: 0, column: 0 };
  let selected: Selection = {};
  let wordsOf: (row: number, column: number) => string = () => '';

  /** Beyond this many columns names stand upright and numbers lose a digit. */
  const tight = () => lines.columns.length > UPRIGHT_MIN;

  function build(answer: MatrixAnswer): void {
    const focused = root.contains(document.activeElement);
    const held = lines.rows[at.row] && { row: keyOf(lines.rows[at.row]!), column: keyOf(lines.columns[at.column]!) };
    const nodes = order.map(key => nodeOf(answer, key));
    const rest: Line[] = answer.nodes > nodes.length ? [{ kind: 'rest' }] : [];
    const axis: Line[] = [...nodes.map(node => ({ kind: 'node' as const, node })), ...rest, { kind: 'total' }];
    lines = { rows: axis, columns: axis };
    headers = { rows: [], columns: [] };
    headers.columns = axis.map(line => headerOf(line, 'col', 'Sent'));
    headers.rows = axis.map(line => headerOf(line, 'row', 'Received'));
    cells = axis.map((row, r) => axis.map((column, c) => cellOf(row, column, r, c)));
    const corner = el(
      'td',
      { class: 'corner' },
      el('span', { class: 'axis-from' }, 'sender ↓'),
      el('span', { class: 'axis-to' }, 'receiver →'),
    );
    const table = el(
      'table',
      {
        role: 'grid',
        class: `matrix${tight() ? ' upright' : ''}`,
        'aria-label': 'Traffic from row to column',
        'aria-rowcount': axis.length + 1,
        'aria-colcount': axis.length + 1,
      },
      el('thead', {}, el('tr', { role: 'row' }, corner, ...headers.columns)),
      el(
        'tbody',
        {},
        ...axis.map((line, r) => el('tr', { role: 'row', class: line.kind }, headers.rows[r]!, ...cells[r]!)),
      ),
    );
    const { scrollLeft, scrollTop } = root;
    root.replaceChildren(table);
    root.scrollTo(scrollLeft, scrollTop);
    const place = (list: readonly Line[], key: string | undefined) =>
      Math.max(
        0,
        list.findIndex(line => keyOf(line) === key),
      );
    at = { row: place(axis, held?.row), column: place(axis, held?.column) };
    cells[at.row]?.[at.column]?.setAttribute('tabindex', '0');
    if (focused) cells[at.row]?.[at.column]?.focus({ preventScroll: true });
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

  function cellOf(row: Line, column: Line, r: number, c: number): HTMLTableCellElement {
    const diagonal = row.kind === 'node' && column.kind === 'node' && row.node.key === column.node.key;
    const kind =
      row.kind === 'total' || column.kind === 'total'
        ? 'total'
        : row.kind === 'rest' || column.kind === 'rest'
          ? 'rest'
          : 'node';
    const cell = el(
      'td',
      { role: 'gridcell', tabindex: -1, class: `cell ${kind}${diagonal ? ' diagonal' : ''}` },
      el('span', { class: 'value' }),
      el('span', { class: 'error' }),
    );
    cell.dataset['row'] = String(r);
    cell.dataset['column'] = String(c);
    cell.dataset['src'] = keyOf(row);
    cell.dataset['dst'] = keyOf(column);
    return cell;
  }

  function selectionAt(r: number, c: number): Selection | undefined {
    const [row, column] = [lines.rows[r]!, lines.columns[c]!];
    if (row.kind === 'rest' || column.kind === 'rest') return undefined;
    return {
      ...(row.kind === 'node' ? { src: row.node.key } : {}),
      ...(column.kind === 'node' ? { dst: column.node.key } : {}),
    };
  }

  function move(row: number, column: number): void {
    const r = Math.min(cells.length - 1, Math.max(0, row));
    const c = Math.min((cells[r]?.length ?? 1) - 1, Math.max(0, column));
    cells[at.row]?.[at.column]?.setAttribute('tabindex', '-1');
    at = { row: r, column: c };
    const cell = cells[r]?.[c];
    cell?.setAttribute('tabindex', '0');
    cell?.focus();
  }

  function keydown(event: KeyboardEvent): void {
    const last = cells.length - 1;
    const far = event.ctrlKey || event.metaKey;
    const moves: Readonly<Record<string, () => void>> = {
      ArrowUp: () => move(at.row - 1, at.column),
      ArrowDown: () => move(at.row + 1, at.column),
      ArrowLeft: () => move(at.row, at.column - 1),
      ArrowRight: () => move(at.row, at.column + 1),
      Home: () => move(far ? 0 : at.row, 0),
      End: () => move(far ? last : at.row, last),
      PageUp: () => move(at.row - 10, at.column),
      PageDown: () => move(at.row + 10, at.column),
      Enter: () => open(at.row, at.column),
      ' ': () => open(at.row, at.column),
      Escape: () => events.select(undefined),
    };
    const act = moves[event.key];
    if (!act || event.altKey) return;
    event.preventDefault();
    act();
  }

  function open(r: number, c: number): void {
    const selection = selectionAt(r, c);
    if (selection) events.select(selection);
  }

  function point(event: Event): { r: number; c: number } | undefined {
    const cell = (event.target as Element).closest<HTMLElement>('td.cell');
    return cell ? { r: Number(cell.dataset['row']), c: Number(cell.dataset['column']) } : undefined;
  }

  function cross(r: number, c: number): void {
    for (const header of root.querySelectorAll('th.crossed')) header.classList.remove('crossed');
    headers.rows[r]?.classList.add('crossed');
    headers.columns[c]?.classList.add('crossed');
    events.read(wordsOf(r, c));
  }

  root.addEventListener('keydown', keydown);
  root.addEventListener('click', event => {
    const place = point(event);
    if (!place) return;
    move(place.r, place.c);
    open(place.r, place.c);
  });
  for (const kind of ['mouseover', 'focusin']) {
    root.addEventListener(kind, event => {
      const place = point(event);
      if (place) cross(place.r, place.c);
    });
  }

  function mark(selection: Selection): void {
    selected = selection;
    const chosen = (key: string | undefined) => key ?? 'total';
    const none = selection.src === undefined && selection.dst === undefined;
    for (const cell of cells.flat()) {
      const is =
        !none && cell.dataset['src'] === chosen(selection.src) && cell.dataset['dst'] === chosen(selection.dst);
      if ((cell.getAttribute('aria-selected') === 'true') !== is) cell.setAttribute('aria-selected', String(is));
    }
  }

  return {
    update(answer, theme, selection) {
      const present = answer.rows.map(row => row.key);
      order = [...order.filter(key => present.includes(key)), ...present.filter(key => !order.includes(key))];
      const next = JSON.stringify([answer.by, order.map(key => nodeOf(answer, key).name), answer.nodes > order.length]);
      if (next !== signature) {
        signature = next;
        build(answer);
      }
      const figures = figuresOf(answer);
      const scale = logScale(
        answer.cells.map(cell => cell.value),
        theme,
      );
      wordsOf = (r, c) =>
        describe(
          answer,
          lines.rows[r]!,
          lines.columns[c]!,
          figures.get(`${keyOf(lines.rows[r]!)}|${keyOf(lines.columns[c]!)}`),
        );
      for (const cell of cells.flat())
        draw(
          cell,
          answer,
          scale,
          tight(),
          figures.get(`${cell.dataset['src']}|${cell.dataset['dst']}`),
          wordsOf(Number(cell.dataset['row']), Number(cell.dataset['column'])),
        );
      mark(selection);
      return scale;
    },
    mark,
    reorder() {
      order = [];
      signature = '';
    },
    focusSelected() {
      const { src = 'total', dst = 'total' } = selected;
      const cell =
        cells.flat().find(one => one.dataset['src'] === src && one.dataset['dst'] === dst) ??
        cells[at.row]?.[at.column];
      cell?.focus();
    },
  };
}

function nodeOf(answer: MatrixAnswer, key: string): Value {
  return answer.rows.find(row => row.key === key) ?? { key, name: key };
}

function draw(
  cell: HTMLTableCellElement,
  answer: MatrixAnswer,
  scale: Scale,
  tight: boolean,
  figure: Figure | undefined,
  words: string,
): void {
  const [value, error] = cell.children as unknown as [HTMLElement, HTMLElement];
  const seen = figure !== undefined && figure.value > 0;
  setText(value, seen ? (tight ? formatShort : formatValue)(figure.value, answer.metric) : '·');
  setText(error, seen ? formatError(figure) : '');
  cell.classList.toggle('empty', !seen);
  if (cell.getAttribute('aria-label') !== words) cell.setAttribute('aria-label', words);
  if (!cell.classList.contains('node')) return;
  const { background, ink } = seen ? scale.colour(figure.value) : { background: '', ink: '' };
  cell.style.setProperty('--heat', background);
  cell.style.setProperty('--on-heat', ink);
}

/** Every figure of the grid by `src|dst`. The rest of a row is its total less what the row shows. */
function figuresOf(answer: MatrixAnswer): Map<string, Figure> {
  const figures = new Map<string, Figure>();
  const shownOfRow = new Map<string, number>();
  const shownOfColumn = new Map<string, number>();
  for (const cell of answer.cells) {
    figures.set(`${cell.src.key}|${cell.dst.key}`, cell);
    shownOfRow.set(cell.src.key, (shownOfRow.get(cell.src.key) ?? 0) + cell.value);
    shownOfColumn.set(cell.dst.key, (shownOfColumn.get(cell.dst.key) ?? 0) + cell.value);
  }
  const bare = (value: number): Figure => ({ value, ciLow: null, ciHigh: null, samples: 0 });
  for (const row of answer.rows) figures.set(`${row.key}|total`, row);
  for (const column of answer.columns) figures.set(`total|${column.key}`, column);
  figures.set('total|total', answer.total);
  if (answer.rest === null) return figures;
  for (const row of answer.rows) figures.set(`${row.key}|rest`, bare(row.value - (shownOfRow.get(row.key) ?? 0)));
  for (const column of answer.columns)
    figures.set(`rest|${column.key}`, bare(column.value - (shownOfColumn.get(column.key) ?? 0)));
  const sum = (totals: readonly Figure[]) => totals.reduce((all, total) => all + total.value, 0);
  const [rows, columns] = [sum(answer.rows), sum(answer.columns)];
  figures.set('rest|total', bare(answer.total.value - rows));
  figures.set('total|rest', bare(answer.total.value - columns));
  figures.set('rest|rest', bare(Math.max(0, answer.total.value - rows - columns + sum(answer.cells))));
  return figures;
}

function describe(answer: MatrixAnswer, row: Line, column: Line, figure: Figure | undefined): string {
  const who =
    row.kind === 'node' && column.kind === 'node' && row.node.key === column.node.key
      ? `within ${shortName(row.node)}`
      : `${nameOf(row)} → ${nameOf(column)}`;
  if (!figure || figure.value <= 0) return `${who}: nothing seen`;
  const parts = [`${who}: ${formatValue(figure.value, answer.metric)}`];
  if (figure.ciLow !== null && figure.ciHigh !== null && figure.ciHigh > figure.ciLow)
    parts.push(
      `95 % between ${formatValue(figure.ciLow, answer.metric)} and ${formatValue(figure.ciHigh, answer.metric)}`,
    );
  if (figure.method === 'unknown') parts.push('error not known: a sampling rate is missing');
  if (answer.rest !== null && answer.total.value > 0)
    parts.push(`${formatShare(figure.value / answer.total.value)} of all`);
  return parts.join(' · ');
}
