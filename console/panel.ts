// What lies behind a cell, a total, or everything: its rate over time, its services, its largest conversations.

import type { Value } from '../query-api/answers/answers.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import type { SeriesAnswer } from '../query-api/questions/series.ts';
import type { TopAnswer } from '../query-api/questions/top.ts';
import { ask, askIfAllowed } from './api.ts';
import { Chart } from './chart.ts';
import { el, icon, setText } from './dom.ts';
import { shortName } from './matrix.ts';
import { peakOf, seriesParameters } from './series-peak.ts';
import { formatError, formatShare, formatSpan, formatValue, metricLabel } from './units.ts';
import { isAll, type Selection, type ViewState } from './view-state.ts';

const ROWS_MAX = 6;

export interface PanelAnswers {
  readonly series: SeriesAnswer;
  readonly services: TopAnswer;
  readonly conversations: TopAnswer | undefined;
}

/** The questions behind a selection. */
export async function askPanel(
  { from, to, by, metric, selection }: ViewState,
  signal: AbortSignal,
): Promise<PanelAnswers> {
  const narrowed = { from, to, metric, filter: filterOf(by, selection), limit: ROWS_MAX };
  const [series, services, conversations] = await Promise.all([
    ask<SeriesAnswer>(
      'series',
      { from, to, by, src: selection.src, dst: selection.dst, ...seriesParameters(metric) },
      signal,
    ),
    ask<TopAnswer>('top', { ...narrowed, by: 'service' }, signal),
    askConversations(narrowed, signal),
  ]);
  return { series, services, conversations };
}

export class Panel {
  readonly #root: HTMLElement;
  readonly #kicker = el('p', { class: 'kicker' });
  readonly #title = el('h2', { id: 'panel-title' });
  readonly #close: HTMLElement;
  readonly #figure = el('p', { class: 'figure' });
  readonly #reverse = el('button', { type: 'button', class: 'reverse' });
  readonly #plot = el('div', { class: 'plot', role: 'img' });
  readonly #plotNote = el('p', { class: 'note' });
  readonly #services = el('ol', { class: 'bars' });
  readonly #talkersTitle = el('h3', {}, 'Conversations');
  readonly #talkers = el('ol', { class: 'bars' });
  readonly #chart: Chart;
  #opposite: Selection = {};
  /** The state that is drawn, and the one that was announced. */
  #drawn = '';
  #wanted = '';

  constructor(root: HTMLElement, select: (selection: Selection | undefined) => void) {
    this.#root = root;
    this.#close = closeButton(() => select(undefined));
    root.setAttribute('aria-labelledby', 'panel-title');
    root.replaceChildren(
      el('div', { class: 'panel-head' }, el('div', {}, this.#kicker, this.#title), this.#close),
      this.#figure,
      this.#reverse,
      this.#plot,
      this.#plotNote,
      el('h3', {}, 'Services'),
      this.#services,
      this.#talkersTitle,
      this.#talkers,
    );
    this.#chart = new Chart(this.#plot);
    this.#reverse.addEventListener('click', () => select(this.#opposite));
    root.addEventListener('keydown', event => {
      if (event.key === 'Escape') select(undefined);
    });
  }

  /** Name and figure of the selection at once; what is drawn of another one stands back until `draw`. */
  announce(state: ViewState, matrix: MatrixAnswer): void {
    const { from, to, by, metric, selection } = state;
    this.#close.hidden = isAll(selection);
    setText(this.#kicker, kickerOf(selection));
    setText(this.#title, titleOf(selection, matrix));
    this.#drawFigure(selection, matrix);
    this.#drawReverse(selection, matrix);
    this.#wanted = JSON.stringify([from, to, by, metric, selection]);
    this.#root.classList.toggle('behind', this.#wanted !== this.#drawn);
  }

  draw({ series, services, conversations }: PanelAnswers): void {
    this.#drawn = this.#wanted;
    this.#root.classList.remove('behind');
    this.#chart.update(series);
    this.#plot.setAttribute('aria-label', `${this.#title.textContent} over time, ${series.times.length} buckets`);
    setText(this.#plotNote, describeSeries(series));
    drawBars(this.#services, services, keys => keys[0]!.name);
    this.#talkersTitle.hidden = this.#talkers.hidden = !conversations;
    if (!conversations) return;
    setText(this.#talkersTitle, conversations.by[0] === 'srcVm' ? 'VM to VM' : 'Address to address');
    drawBars(this.#talkers, conversations, keys => `${keys[0]!.name} → ${keys[1]!.name}`);
  }

  restyle(): void {
    this.#chart.restyle();
  }

  #drawFigure(selection: Selection, matrix: MatrixAnswer): void {
    const found = figureOf(matrix, selection);
    const error = found ? formatError(found) : '';
    this.#figure.replaceChildren(
      el('strong', {}, found ? formatValue(found.value, matrix.metric) : 'nothing seen'),
      el('span', {}, [metricLabel(matrix.metric).toLowerCase(), error].filter(Boolean).join('  ')),
    );
  }

  /** The button to the same two nodes the other way. */
  #drawReverse({ src, dst }: Selection, matrix: MatrixAnswer): void {
    const isPair = src !== undefined && dst !== undefined && src !== dst;
    this.#reverse.hidden = !isPair;
    if (!isPair) return;
    this.#opposite = { src: dst, dst: src };
    const back = figureOf(matrix, this.#opposite);
    this.#reverse.replaceChildren(
      icon('M9 20V9.500a4.500 4.500 0 0 1 9 0V17m-3.500-3.500L18 17l3.500-3.500'),
      `${nodeName(matrix, dst)} → ${nodeName(matrix, src)}: ${back ? formatValue(back.value, matrix.metric) : 'nothing seen'}`,
    );
  }
}

function closeButton(close: () => void): HTMLElement {
  return el(
    'button',
    {
      type: 'button',
      class: 'icon close',
      'aria-label': 'Close, back to all traffic (Escape)',
      title: 'Close (Escape)',
      onclick: close,
    },
    icon('M6 6l12 12M18 6 6 18'),
  );
}

function kickerOf({ src, dst }: Selection): string {
  if (src === undefined) return dst === undefined ? 'Everything' : 'Received by';
  if (dst === undefined) return 'Sent by';
  return src === dst ? 'Within' : 'From → to';
}

function titleOf({ src, dst }: Selection, matrix: MatrixAnswer): string {
  if (src !== undefined && dst !== undefined && src !== dst)
    return `${nodeName(matrix, src)} → ${nodeName(matrix, dst)}`;
  const node = src ?? dst;
  return node === undefined ? 'All traffic' : nodeName(matrix, node);
}

function nodeName(matrix: MatrixAnswer, key: string): string {
  return shortName(matrix.rows.find(row => row.key === key) ?? { key, name: key });
}

function describeSeries(answer: SeriesAnswer): string {
  const peak = peakOf(answer);
  const parts = [`${answer.metric === 'packets' ? 'Packets' : 'Rate'} per ${formatSpan(answer.stepSec)}`];
  // In the first minutes a rate of a few seconds is all there is: no peak.
  const isYoung = answer.coveredSeconds > 0 && answer.coveredSeconds < answer.stepSec;
  if (isYoung) parts.push(`only ${Math.ceil(answer.coveredSeconds)} s covered`);
  else if (peak !== undefined) parts.push(`peak ${formatValue(peak, answer.metric)}`);
  if (hasBand(answer)) parts.push('band: 95 % interval');
  return parts.join(' · ');
}

/** VM pairs where VMs are known, else address pairs; undefined where the token may see applications only. */
async function askConversations(
  params: Record<string, string | number>,
  signal: AbortSignal,
): Promise<TopAnswer | undefined> {
  const vms = await askIfAllowed<TopAnswer>('top', { ...params, by: 'vm' }, signal);
  if (!vms) return undefined;
  const known = vms.rows.some(row => row.keys.some(value => /[1-9a-f]/.test(value.key)));
  if (known || vms.rows.length === 0) return vms;
  return (await askIfAllowed<TopAnswer>('top', { ...params, by: 'addr' }, signal)) ?? vms;
}

/** The filter that leaves one cell: pairs are written src and dst with the dimension's name. */
function filterOf(by: string, { src, dst }: Selection): string {
  const column = (end: string) => `${end}${by[0]!.toUpperCase()}${by.slice(1)}`;
  return [src === undefined ? '' : `${column('src')}="${src}"`, dst === undefined ? '' : `${column('dst')}="${dst}"`]
    .filter(Boolean)
    .join(',');
}

function figureOf(matrix: MatrixAnswer, { src, dst }: Selection) {
  if (src === undefined && dst === undefined) return matrix.total;
  if (dst === undefined) return matrix.rows.find(row => row.key === src);
  if (src === undefined) return matrix.columns.find(column => column.key === dst);
  return matrix.cells.find(cell => cell.src.key === src && cell.dst.key === dst);
}

function hasBand(answer: SeriesAnswer): boolean {
  const [series] = answer.series;
  return series?.ciHigh.some((high, i) => high !== null && high > (series.ciLow[i] ?? high)) ?? false;
}

function drawBars(list: HTMLOListElement, answer: TopAnswer, nameOf: (keys: readonly Value[]) => string): void {
  const largest = Math.max(...answer.rows.map(row => row.value ?? 0), 0);
  const bar = (name: string, value: number | null, share: number | null, kind: string) => {
    const fill = el('i', { class: 'fill' });
    fill.style.setProperty('--share', String(largest > 0 ? Math.min(1, (value ?? 0) / largest) : 0));
    return el(
      'li',
      { class: kind },
      fill,
      el('span', { class: 'name', title: name }, name),
      el('span', { class: 'amount' }, formatValue(value, answer.metric)),
      el('span', { class: 'share' }, share === null ? '' : formatShare(share)),
    );
  };
  const rows = answer.rows.map(row => bar(nameOf(row.keys), row.value, row.share, 'row'));
  const left = answer.groups - answer.rows.length;
  if (answer.rest !== null && left > 0)
    rows.push(bar(`${left} more`, answer.rest, answer.total.value ? answer.rest / answer.total.value : 0, 'rest'));
  list.replaceChildren(...(rows.length > 0 ? rows : [el('li', { class: 'none' }, 'nothing in this window')]));
}
