// What lies behind a cell, a total, or everything: its rate over time, its services, its largest conversations.

import type { Value } from '../query-api/answers/answers.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import type { SeriesAnswer } from '../query-api/questions/series.ts';
import type { TopAnswer } from '../query-api/questions/top.ts';
import { ask, askIfAllowed } from './api.ts';
import { createChart } from './chart.ts';
import { el, icon, setText } from './dom.ts';
import { formatError, formatShare, formatSpan, formatValue, METRIC_LABELS } from './format.ts';
import { shortName } from './matrix.ts';
import { isAll, type Selection, type ViewState } from './view-state.ts';

const ROWS_MAX = 6;

export interface PanelAnswers {
  readonly series: SeriesAnswer;
  readonly services: TopAnswer;
  readonly conversations: TopAnswer | undefined;
}

export interface Panel {
  /** Name and figure of the selection at once; what is drawn of another one stands back until `draw`. */
  announce(state: ViewState, matrix: MatrixAnswer): void;
  draw(answers: PanelAnswers): void;
  restyle(): void;
}

/** The questions behind a selection. */
export async function askPanel(
  { from, to, by, metric, selection }: ViewState,
  signal: AbortSignal,
): Promise<PanelAnswers> {
  const rate = metric === 'packets' ? 'packets' : 'avgBps';
  const narrowed = { from, to, metric, filter: filterOf(by, selection), limit: ROWS_MAX };
  const [series, services, conversations] = await Promise.all([
    ask<SeriesAnswer>('series', { from, to, by, src: selection.src, dst: selection.dst, metric: rate }, signal),
    ask<TopAnswer>('top', { ...narrowed, by: 'service' }, signal),
    askConversations(narrowed, signal),
  ]);
  return { series, services, conversations };
}

export function createPanel(root: HTMLElement, select: (selection: Selection | undefined) => void): Panel {
  const kicker = el('p', { class: 'kicker' });
  const title = el('h2', { id: 'panel-title' });
  const close = el(
    'button',
    {
      type: 'button',
      class: 'icon close',
      'aria-label': 'Close, back to all traffic (Escape)',
      title: 'Close (Escape)',
      onclick: () => select(undefined),
    },
    icon('M6 6l12 12M18 6 6 18'),
  );
  const figure = el('p', { class: 'figure' });
  const reverse = el('button', { type: 'button', class: 'reverse' });
  const plot = el('div', { class: 'plot', role: 'img' });
  const plotNote = el('p', { class: 'note' });
  const servicesList = el('ol', { class: 'bars' });
  const talkers = el('ol', { class: 'bars' });
  const talkersTitle = el('h3', {}, 'Conversations');
  root.setAttribute('aria-labelledby', 'panel-title');
  root.replaceChildren(
    el('div', { class: 'panel-head' }, el('div', {}, kicker, title), close),
    figure,
    reverse,
    plot,
    plotNote,
    el('h3', {}, 'Services'),
    servicesList,
    talkersTitle,
    talkers,
  );
  const chart = createChart(plot);
  let opposite: Selection = {};
  reverse.addEventListener('click', () => select(opposite));
  root.addEventListener('keydown', event => {
    if (event.key === 'Escape') select(undefined);
  });

  function head(state: ViewState, matrix: MatrixAnswer): void {
    const { src, dst } = state.selection;
    const name = (key: string) => shortName(matrix.rows.find(row => row.key === key) ?? { key, name: key });
    close.hidden = isAll(state.selection);
    setText(
      kicker,
      isAll(state.selection)
        ? 'Everything'
        : src !== undefined && src === dst
          ? 'Within'
          : src !== undefined && dst !== undefined
            ? 'From → to'
            : src !== undefined
              ? 'Sent by'
              : 'Received by',
    );
    setText(
      title,
      isAll(state.selection)
        ? 'All traffic'
        : src !== undefined && dst !== undefined && src !== dst
          ? `${name(src)} → ${name(dst)}`
          : name((src ?? dst)!),
    );
    const found = figureOf(matrix, state.selection);
    const error = found ? formatError(found) : '';
    figure.replaceChildren(
      el('strong', {}, found ? formatValue(found.value, matrix.metric) : 'nothing seen'),
      el('span', {}, [METRIC_LABELS[matrix.metric].label.toLowerCase(), error].filter(Boolean).join('  ')),
    );
    const paired = src !== undefined && dst !== undefined && src !== dst;
    reverse.hidden = !paired;
    if (!paired) return;
    opposite = { src: dst, dst: src };
    const back = figureOf(matrix, opposite);
    reverse.replaceChildren(
      icon('M9 20V9.500a4.500 4.500 0 0 1 9 0V17m-3.500-3.500L18 17l3.500-3.500'),
      `${name(dst)} → ${name(src)}: ${back ? formatValue(back.value, matrix.metric) : 'nothing seen'}`,
    );
  }

  let drawn = '';
  let wanted = '';
  return {
    announce(state, matrix) {
      head(state, matrix);
      const { from, to, by, metric, selection } = state;
      wanted = JSON.stringify([from, to, by, metric, selection]);
      root.classList.toggle('behind', wanted !== drawn);
    },
    draw({ series, services, conversations }) {
      drawn = wanted;
      root.classList.remove('behind');
      chart.update(series);
      plot.setAttribute('aria-label', `${title.textContent} over time, ${series.times.length} buckets`);
      setText(plotNote, describeSeries(series));
      drawBars(servicesList, services, keys => keys[0]!.name);
      talkersTitle.hidden = talkers.hidden = !conversations;
      if (!conversations) return;
      setText(talkersTitle, conversations.by[0] === 'srcVm' ? 'VM to VM' : 'Address to address');
      drawBars(talkers, conversations, keys => `${keys[0]!.name} → ${keys[1]!.name}`);
    },
    restyle: chart.restyle,
  };
}

function describeSeries(answer: SeriesAnswer): string {
  const seen = (answer.series[0]?.values ?? []).filter(value => value !== null);
  const parts = [`${answer.metric === 'packets' ? 'Packets' : 'Rate'} per ${formatSpan(answer.stepSec)}`];
  if (seen.length > 0) parts.push(`peak ${formatValue(Math.max(...seen), answer.metric)}`);
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
  const largest = Math.max(...answer.rows.map(row => row.value), 0);
  const bar = (name: string, value: number, share: number | null, kind: string) => {
    const fill = el('i', { class: 'fill' });
    fill.style.setProperty('--share', String(largest > 0 ? Math.min(1, value / largest) : 0));
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
    rows.push(bar(`${left} more`, answer.rest, answer.total.value > 0 ? answer.rest / answer.total.value : 0, 'rest'));
  list.replaceChildren(...(rows.length > 0 ? rows : [el('li', { class: 'none' }, 'nothing in this window')]));
}
