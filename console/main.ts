// The page: state in the address, one refresh at a time, everything drawn from the answers of the API.

import { METRICS } from '../query-api/answers/metric.ts';
import type { CoverageAnswer } from '../query-api/questions/coverage.ts';
import type { ExportersAnswer } from '../query-api/questions/exporters.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import { ApiError, ask, askIfAllowed } from './api.ts';
import { drawCoverage } from './coverage-view.ts';
import { coveredShareOf, dataUntil } from './data-until.ts';
import { byId, el, setText } from './dom.ts';
import { drawExporters } from './exporters-view.ts';
import { drawLegend } from './legend.ts';
import { Matrix } from './matrix.ts';
import { emptyWindow, failure, firstStart, namingHint, notAllowed } from './notice.ts';
import { askPanel, Panel } from './panel.ts';
import { Summary } from './summary.ts';
import { createTheme } from './theme.ts';
import { forgetToken, token, tokenForm } from './token.ts';
import { formatSpan, formatTime, formatWindow, METRIC_LABELS } from './units.ts';
import {
  BY,
  type By,
  isAll,
  RANGES,
  readState,
  type Selection,
  VIEWS,
  type ViewState,
  writeState,
} from './view-state.ts';

const REFRESH_MS = 5000;
const NODES_MAX = 24;

let state = readState(location.hash);
let matrixAnswer: MatrixAnswer | undefined;
let exportersAnswer: ExportersAnswer | undefined;
let coverageAnswer: CoverageAnswer | undefined;
let coverageShown = '';
let asking: AbortController | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let noticeShown = '';

const theme = createTheme(byId<HTMLButtonElement>('theme'), () => {
  draw();
  panel.restyle();
});
const summary = new Summary(byId('summary'));
const readout = byId('readout');
const matrix = new Matrix(byId('grid'), { select, read: text => setText(readout, text) });
const panel = new Panel(byId('panel'), select);

function change(next: Partial<ViewState>): void {
  state = { ...state, ...next };
  const fragment = writeState(state);
  history.replaceState(null, '', fragment === '' ? location.pathname : `#${fragment}`);
  drawControls();
  void refresh();
}

function select(selection: Selection | undefined): void {
  const next = selection ?? {};
  if (selection === undefined && isAll(state.selection)) return;
  if (selection === undefined) matrix.focusSelected();
  matrix.mark(next);
  change({ selection: next });
  if (matrixAnswer) panel.announce(state, matrixAnswer);
}

/** Requests everything the view shows; a newer request cancels the one on its way. */
async function refresh(): Promise<void> {
  clearTimeout(timer);
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  document.body.classList.add('asking');
  try {
    const { from, to, by, metric } = state;
    const behind = state.view === 'matrix' ? askPanel(state, signal) : undefined;
    behind?.catch(() => undefined); // reported below, once, when it is awaited
    const [nextMatrix, nextExporters, nextCoverage] = await Promise.all([
      ask<MatrixAnswer>('matrix', { from, to, by, metric, limit: NODES_MAX }, signal),
      askIfAllowed<ExportersAnswer>('exporters', { interfaces: 0 }, signal),
      state.view === 'coverage' ? askIfAllowed<CoverageAnswer>('coverage', { from, to, pairs: 0 }, signal) : undefined,
    ]);
    [matrixAnswer, exportersAnswer, coverageAnswer] = [nextMatrix, nextExporters, nextCoverage];
    draw();
    if (behind) panel.draw(await behind);
    document.body.dataset['state'] = 'ready';
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ApiError && error.status === 401) return signIn();
    notify('failure', () => failure(error instanceof Error ? error.message : String(error), () => void refresh()));
    document.body.dataset['state'] = 'failed';
  }
  document.body.classList.remove('asking');
  if (state.live) timer = setTimeout(() => void refresh(), REFRESH_MS);
}

/** Nothing is shown to a stranger, nor kept from somebody who was here before. */
function signIn(): void {
  document.body.classList.remove('asking');
  document.body.dataset['state'] = 'locked';
  [matrixAnswer, exportersAnswer, coverageAnswer, coverageShown] = [undefined, undefined, undefined, ''];
  for (const id of ['summary', 'matrix-view', 'exporters-view', 'coverage-view', 'sign-out']) byId(id).hidden = true;
  for (const id of ['exporters-view', 'coverage-view']) byId(id).replaceChildren();
  for (const id of ['about', 'exporter-count', 'readout']) setText(byId(id), '');
  const refused = token() !== undefined;
  forgetToken();
  // A form that somebody types into stays.
  if (refused) noticeShown = '';
  notify('token', () => tokenForm(refused, () => void refresh()));
}

function draw(): void {
  if (!matrixAnswer) return;
  summary.update(matrixAnswer, exportersAnswer);
  byId('sign-out').hidden = token() === undefined;
  setText(byId('exporter-count'), exportersAnswer?.exporters.length ? String(exportersAnswer.exporters.length) : '');
  const empty = matrixAnswer.rows.length === 0;
  byId('matrix-view').hidden = state.view !== 'matrix' || empty;
  byId('exporters-view').hidden = state.view !== 'exporters' || !exportersAnswer;
  byId('coverage-view').hidden = state.view !== 'coverage' || !coverageAnswer;
  byId('summary').hidden = state.view === 'matrix' && empty && matrixAnswer.recordsSince === null;
  drawNotice(matrixAnswer, exportersAnswer);
  if (state.view === 'exporters' && exportersAnswer) drawExporters(byId('exporters-view'), exportersAnswer);
  // Redrawn only when something changed, so that an opened spot stays open and keeps the focus.
  const coverage = JSON.stringify({ ...coverageAnswer, from: '', to: '', elapsedMs: 0 });
  if (coverageAnswer && coverage !== coverageShown) {
    coverageShown = coverage;
    drawCoverage(byId('coverage-view'), coverageAnswer);
  }
  if (empty) return;
  const scale = matrix.update(matrixAnswer, theme(), state.selection);
  panel.announce(state, matrixAnswer);
  drawLegend(byId('legend'), scale, theme(), matrixAnswer.metric);
  drawAbout(matrixAnswer);
}

function drawNotice(answer: MatrixAnswer, exporters: ExportersAnswer | undefined): void {
  const window = formatWindow(answer.from, answer.to);
  const allowed = { matrix: true, exporters: exporters, coverage: coverageAnswer }[state.view];
  if (!allowed) notify(`not allowed ${state.view}`, () => notAllowed(state.view));
  else if (state.view !== 'matrix' || !exporters) notify('', () => undefined);
  else if (answer.rows.length > 0) notify(`hint ${answer.rows[0]?.name}`, () => namingHint(answer, exporters));
  else if (answer.recordsSince === null && state.to === 'now')
    notify(`first ${exporters.exporters.length > 0}`, () => firstStart(exporters, location.hostname));
  else
    notify(`empty ${window} ${answer.coveredFrom === null} ${dataUntil(answer)}`, () =>
      emptyWindow(window, answer, state.from === 'now-24h' ? undefined : () => changeRange('24h')),
    );
}

/** Replaces the notice only when it is another one, so that an opened hint stays open. */
function notify(kind: string, make: () => HTMLElement | undefined): void {
  if (kind === noticeShown) return;
  noticeShown = kind;
  const notice = make();
  byId('notice').replaceChildren(...(notice ? [notice] : []));
}

function drawAbout(answer: MatrixAnswer): void {
  const { quality } = answer;
  const parts = [
    formatWindow(answer.from, answer.to),
    `per ${formatSpan(answer.resolutionSec)}`,
    ...(answer.ranking?.warnings ?? []),
    dataUntil(answer),
    answer.settledUntil === null ? '' : `complete until ${formatTime(answer.settledUntil)}`,
    ...quality.provisional.map(
      ({ from, to, refused }) =>
        `${refused ? 'too low' : 'provisional'} ${formatWindow(from, to)}: an exporter was silent`,
    ),
    coveredShareOf(answer),
    quality.accounting
      ? `${quality.accounting.accepted.toLocaleString('en-GB')} records: ${Object.entries(quality.accounting.byReason)
          .filter(([, count]) => count > 0)
          .map(([reason, count]) => `${count.toLocaleString('en-GB')} ${reason}`)
          .join(', ')}`
      : '',
    `${answer.table} in ${Math.round(answer.elapsedMs)} ms`,
  ];
  setText(byId('about'), parts.filter(Boolean).join('  ·  '));
}

function changeRange(range: string): void {
  matrix.reorder();
  change({ from: `now-${range}`, to: 'now' });
}

function press(root: HTMLElement, name: string, chosen: string): void {
  for (const button of root.querySelectorAll<HTMLButtonElement>(`[data-${name}]`))
    button.setAttribute('aria-pressed', String(button.dataset[name] === chosen));
}

function drawControls(): void {
  const range = state.to === 'now' ? state.from.replace('now-', '') : 'custom';
  press(byId('ranges'), 'range', (RANGES as readonly string[]).includes(range) ? range : 'custom');
  press(byId('metrics'), 'metric', state.metric);
  press(document.querySelector<HTMLElement>('.views')!, 'view', state.view);
  const live = byId<HTMLButtonElement>('live');
  live.setAttribute('aria-pressed', String(state.live));
  live.disabled = state.to !== 'now';
  live.title =
    state.to === 'now'
      ? `Refresh every ${REFRESH_MS / 1000} seconds`
      : 'A window that ends in the past does not change';
  byId<HTMLSelectElement>('by').value = state.by;
}

function wireControls(): void {
  const segment = (name: string, value: string, label: string, act: () => void, title?: string) =>
    el('button', { type: 'button', [`data-${name}`]: value, title, onclick: act }, label);
  const custom = byId<HTMLFormElement>('custom');
  byId('ranges').replaceChildren(
    ...RANGES.map(range =>
      segment(
        'range',
        range,
        range,
        () => {
          custom.hidden = true;
          changeRange(range);
        },
        `The last ${range}`,
      ),
    ),
    segment('range', 'custom', 'Custom', () => {
      custom.hidden = !custom.hidden;
      if (!custom.hidden) openCustom(custom);
    }),
  );
  byId('metrics').replaceChildren(
    ...METRICS.map(metric =>
      segment(
        'metric',
        metric,
        METRIC_LABELS[metric].label,
        () => {
          matrix.reorder();
          change({ metric });
        },
        METRIC_LABELS[metric].about,
      ),
    ),
  );
  const by = byId<HTMLSelectElement>('by');
  by.replaceChildren(...Object.entries(BY).map(([value, label]) => el('option', { value }, label)));
  by.addEventListener('change', () => {
    matrix.reorder();
    change({ by: by.value as By, selection: {} });
  });
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-view]')) {
    button.addEventListener('click', () =>
      change({ view: VIEWS.find(name => name === button.dataset['view']) ?? 'matrix' }),
    );
  }
  byId('sign-out').addEventListener('click', () => {
    forgetToken();
    void refresh();
  });
  byId('live').addEventListener('click', () => change({ live: !state.live }));
  custom.addEventListener('submit', event => {
    event.preventDefault();
    applyCustom(custom);
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && state.live) void refresh();
  });
  addEventListener('hashchange', () => {
    state = readState(location.hash);
    drawControls();
    void refresh();
  });
}

/** Local time as a datetime-local field wants it. */
function localField(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function openCustom(form: HTMLFormElement): void {
  const input = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
  input('from').value = localField(matrixAnswer ? Date.parse(matrixAnswer.from) : Date.now() - 3_600_000);
  input('to').value = localField(matrixAnswer ? Math.min(Date.now(), Date.parse(matrixAnswer.to)) : Date.now());
  input('from').focus();
}

function applyCustom(form: HTMLFormElement): void {
  const [from, to] = ['from', 'to'].map(
    name => new Date((form.elements.namedItem(name) as HTMLInputElement).value),
  ) as [Date, Date];
  const fault = from < to ? '' : 'The start must lie before the end.';
  setText(byId('custom-fault'), fault);
  if (fault !== '') return;
  form.hidden = true;
  matrix.reorder();
  change({ from: from.toISOString(), to: to.toISOString(), live: false });
}

wireControls();
drawControls();
void refresh();
