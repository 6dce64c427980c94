// What the page shows, kept in the fragment of its address: a reload, a bookmark and a link show the same again.

import { METRICS, type NamedMetric } from '../query-api/answers/metric.ts';

export const RANGES = ['15m', '1h', '6h', '24h', '7d'] as const;
export const BY = { app: 'applications', vm: 'VMs', host: 'hosts', rack: 'racks', addr: 'addresses' } as const;
export type By = keyof typeof BY;

/** A node at either end or at both; neither is all traffic. */
export interface Selection {
  readonly src?: string;
  readonly dst?: string;
}

export const VIEWS = ['matrix', 'exporters', 'coverage'] as const;
export type View = (typeof VIEWS)[number];

export interface ViewState {
  readonly view: View;
  /** A time or `now-1h`. */
  readonly from: string;
  readonly to: string;
  readonly live: boolean;
  readonly metric: NamedMetric;
  readonly by: By;
  readonly selection: Selection;
}

const DEFAULTS: ViewState = {
  view: 'matrix',
  from: 'now-1h',
  to: 'now',
  live: true,
  metric: 'bytes',
  by: 'app',
  selection: {},
};

export function readState(fragment: string): ViewState {
  const params = new URLSearchParams(fragment.replace(/^#/, ''));
  const metric = METRICS.find(name => name === params.get('metric')) ?? DEFAULTS.metric;
  const by = (Object.keys(BY) as By[]).find(name => name === params.get('by')) ?? DEFAULTS.by;
  const to = params.get('to') ?? DEFAULTS.to;
  return {
    view: VIEWS.find(name => name === params.get('view')) ?? DEFAULTS.view,
    from: params.get('from') ?? DEFAULTS.from,
    to,
    live: to === 'now' && params.get('live') !== 'off',
    metric,
    by,
    selection: selectionOf(params.get('src'), params.get('dst')),
  };
}

function selectionOf(src: string | null, dst: string | null): Selection {
  return { ...(src === null ? {} : { src }), ...(dst === null ? {} : { dst }) };
}

export function writeState(state: ViewState): string {
  const params = new URLSearchParams();
  for (const name of ['view', 'from', 'to', 'metric', 'by'] as const)
    if (state[name] !== DEFAULTS[name]) params.set(name, state[name]);
  if (!state.live && state.to === 'now') params.set('live', 'off');
  if (state.selection.src !== undefined) params.set('src', state.selection.src);
  if (state.selection.dst !== undefined) params.set('dst', state.selection.dst);
  return params.toString();
}

export function isAll({ src, dst }: Selection): boolean {
  return src === undefined && dst === undefined;
}
