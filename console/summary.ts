// The strip above the matrix: how much, how much of it is certain, and who reports.

import type { ExportersAnswer } from '../query-api/questions/exporters.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import { uncovered } from './data-until.ts';
import { el, setText } from './dom.ts';
import { formatAge, formatError, formatShare, formatTime, formatValue } from './units.ts';

interface Tile {
  readonly figure: HTMLElement;
  readonly note: HTMLElement;
  readonly root: HTMLElement;
}

const TILES = {
  total: { label: 'All traffic', about: 'Sum of every cell, each conversation counted once' },
  inter: { label: 'Between nodes', about: 'All traffic without the diagonal: what stays inside one node is left out' },
  unclassified: { label: 'Unclassified', about: 'Share of bytes with an end that no application rule names' },
  unelected: {
    label: 'Unelected',
    about:
      'Share of bytes for which no document names an observation point. What is not learned either is counted by the largest exporter of each pair, between bounds',
  },
  loss: {
    label: 'Export loss',
    about: 'Share of records lost on the way to the collector, by sequence numbers. Not part of the intervals',
  },
  error: {
    label: 'Error unknown',
    about:
      'Share of bytes without a sampling rate, so that their error is unknown; sums that hold any of them have no interval. The coverage view names the exporters; the registry can state their rate',
  },
  inventory: { label: 'Inventory', about: 'Age of the newest inventory behind this answer' },
  exporters: {
    label: 'Exporters',
    about: 'Exporters seen within the last three minutes of the data, and those that went silent',
  },
} as const;
type Name = keyof typeof TILES;
type Tone = '' | 'good' | 'warn' | 'bad';
type Quality = MatrixAnswer['quality'];

/** What a tile shows: its figure, a note below it, and whether that is good. */
type Shown = readonly [figure: string, note: string, tone?: Tone];

export class Summary {
  readonly #tiles: Record<Name, Tile>;

  constructor(root: HTMLElement) {
    this.#tiles = Object.fromEntries(
      Object.entries(TILES).map(([name, { label, about }]) => [name, createTile(name, label, about)]),
    ) as Record<Name, Tile>;
    root.replaceChildren(...Object.values(this.#tiles).map(tile => tile.root));
  }

  /** Without exporters where the token may not see them. */
  update(matrix: MatrixAnswer, exporters: ExportersAnswer | undefined): void {
    const { quality } = matrix;
    this.#set('total', shownTotal(matrix));
    this.#set('inter', shownInter(matrix));
    this.#set('unclassified', shownUnclassified(quality));
    this.#set('unelected', shownUnelected(quality));
    this.#set('loss', shownLoss(quality));
    this.#set('error', shownError(quality));
    this.#set('inventory', shownInventory(quality));
    this.#tiles.exporters.root.hidden = !exporters;
    this.#set('exporters', shownExporters(exporters ?? { live: 0, silent: 0 }));
  }

  #set(name: Name, [figure, note, tone = '']: Shown): void {
    const tile = this.#tiles[name];
    setText(tile.figure, figure);
    setText(tile.note, note);
    tile.root.dataset['tone'] = tone;
  }
}

function createTile(name: string, label: string, about: string): Tile {
  const figure = el('dd', { class: 'figure' }, '–');
  const note = el('dd', { class: 'note' });
  const root = el('dl', { class: 'tile', title: about, 'data-tile': name }, el('dt', {}, label), figure, note);
  return { figure, note, root };
}

function shownTotal(answer: MatrixAnswer): Shown {
  const { total, metric, ranking } = answer;
  const value = total.value ?? 0;
  const error = total.method === 'unknown' && value > 0 ? 'error not known' : formatError(total);
  const exact = value > 0 && total.ciHigh === total.value ? 'no sampling error' : '';
  const doubt = uncovered(answer) || doubtOf(ranking);
  return [formatValue(total.value, metric), doubt || error || exact, doubt ? 'warn' : ''];
}

/** What a percentile or a maximum should not be taken for, in a few words; the line below the matrix has it in full. */
function doubtOf(ranking: MatrixAnswer['ranking']): string {
  if (ranking?.tooFewBuckets) return `only ${ranking.buckets} closed buckets`;
  if (ranking?.invalid) return 'records last longer than a bucket';
  return ranking?.noisy ? 'raised by noise' : '';
}

function shownInter({ total, interTotal, rest, metric }: MatrixAnswer): Shown {
  const share = rest === null || !total.value ? '' : `${formatShare((interTotal.value ?? 0) / total.value)} of all`;
  return [formatValue(interTotal.value, metric), share];
}

function shownUnclassified({ unclassifiedShare: share }: Quality): Shown {
  const note = share === null ? '' : share > 0.1 ? 'automatic nodes' : 'of bytes';
  return [formatShare(share), note, (share ?? 0) > 0.1 ? 'warn' : ''];
}

function shownUnelected({ unelectedShare: share, largestPointShare }: Quality): Shown {
  const unlearned = largestPointShare ?? 0;
  const rest = unlearned > 0 ? `${formatShare(unlearned)} not learned` : 'learned';
  const note = share === null ? '' : share > 0 ? rest : 'every point is known';
  return [formatShare(share), note, unlearned > 0.1 ? 'warn' : ''];
}

function shownLoss({ lossRatio: ratio }: Quality): Shown {
  const note = ratio === null ? 'no sequence numbers yet' : ratio > 0 ? 'before the collector' : 'nothing missing';
  return [formatShare(ratio), note, (ratio ?? 0) > 0.01 ? 'bad' : (ratio ?? 0) > 0 ? 'warn' : ''];
}

function shownError({ unknownErrorShare: share }: Quality): Shown {
  const note = share === null ? '' : share > 0 ? 'no sampling rate' : 'every rate is known';
  return [formatShare(share), note, (share ?? 0) > 0 ? 'warn' : ''];
}

function shownInventory({ inventoryAsOf, coverage }: Quality): Shown {
  const age = inventoryAsOf === null ? undefined : Date.now() - Date.parse(inventoryAsOf);
  const asOf = inventoryAsOf === null ? 'coverage unknown' : formatTime(inventoryAsOf);
  return [
    age === undefined ? 'none' : formatAge(age),
    coverage === null ? asOf : `${formatShare(coverage)} of pairs seen`,
    (age !== undefined && age > 86_400_000) || (coverage !== null && coverage < 0.95) ? 'warn' : '',
  ];
}

function shownExporters({ live, silent }: Pick<ExportersAnswer, 'live' | 'silent'>): Shown {
  return [`${live} live`, silent > 0 ? `${silent} silent` : 'none silent', silent > 0 ? 'bad' : live > 0 ? 'good' : ''];
}
