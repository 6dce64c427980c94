// The strip above the matrix: how much, how much of it is certain, and who reports.

import type { ExportersAnswer } from '../query-api/questions/exporters.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import { el, setText } from './dom.ts';
import { formatAge, formatError, formatShare, formatTime, formatValue } from './format.ts';

interface Tile {
  readonly label: string;
  readonly about: string;
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
      'Share of bytes for which no canonical observation point is known: the largest single point counts, never a sum of points',
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
  exporters: { label: 'Exporters', about: 'Exporters seen within three minutes, and those that went silent' },
} as const;
type Name = keyof typeof TILES;
type Tone = '' | 'good' | 'warn' | 'bad';

export interface Summary {
  /** Without exporters where the token may not see them. */
  update(matrix: MatrixAnswer, exporters: ExportersAnswer | undefined): void;
}

export function createSummary(root: HTMLElement): Summary {
  const tiles = Object.fromEntries(
    Object.entries(TILES).map(([name, { label, about }]) => {
      const figure = el('dd', { class: 'figure' }, '–');
      const note = el('dd', { class: 'note' });
      return [
        name,
        {
          label,
          about,
          figure,
          note,
          root: el('dl', { class: 'tile', title: about, 'data-tile': name }, el('dt', {}, label), figure, note),
        },
      ];
    }),
  ) as unknown as Record<Name, Tile>;
  root.replaceChildren(...Object.values(tiles).map(tile => tile.root));

  const set = (name: Name, figure: string, note: string, tone: Tone = '') => {
    setText(tiles[name].figure, figure);
    setText(tiles[name].note, note);
    tiles[name].root.dataset['tone'] = tone;
  };

  return {
    update(matrix, exporters) {
      const { total, interTotal, metric, quality } = matrix;
      set(
        'total',
        formatValue(total.value, metric),
        (total.method === 'unknown' && total.value > 0 ? 'error not known' : formatError(total)) ||
          (total.value > 0 && total.ciHigh === total.value ? 'no sampling error' : ''),
      );
      set(
        'inter',
        formatValue(interTotal.value, metric),
        matrix.rest === null || total.value === 0 ? '' : `${formatShare(interTotal.value / total.value)} of all`,
      );
      const { unclassifiedShare, unelectedShare, lossRatio, unknownErrorShare, inventoryAsOf, coverage } = quality;
      set(
        'unclassified',
        formatShare(unclassifiedShare),
        unclassifiedShare === null ? '' : unclassifiedShare > 0.1 ? 'automatic nodes' : 'of bytes',
        (unclassifiedShare ?? 0) > 0.1 ? 'warn' : '',
      );
      set(
        'unelected',
        formatShare(unelectedShare),
        unelectedShare === null ? '' : unelectedShare > 0 ? 'largest point counts' : 'every point is known',
        (unelectedShare ?? 0) > 0.1 ? 'warn' : '',
      );
      set(
        'loss',
        formatShare(lossRatio),
        lossRatio === null ? 'no sequence numbers yet' : lossRatio > 0 ? 'before the collector' : 'nothing missing',
        (lossRatio ?? 0) > 0.01 ? 'bad' : (lossRatio ?? 0) > 0 ? 'warn' : '',
      );
      set(
        'error',
        formatShare(unknownErrorShare),
        unknownErrorShare === null ? '' : unknownErrorShare > 0 ? 'no sampling rate' : 'every rate is known',
        (unknownErrorShare ?? 0) > 0 ? 'warn' : '',
      );
      const age = inventoryAsOf === null ? undefined : Date.now() - Date.parse(inventoryAsOf);
      set(
        'inventory',
        age === undefined ? 'none' : formatAge(age),
        coverage !== null
          ? `${formatShare(coverage)} of pairs seen`
          : inventoryAsOf === null
            ? 'coverage unknown'
            : formatTime(inventoryAsOf),
        (age !== undefined && age > 86_400_000) || (coverage !== null && coverage < 0.95) ? 'warn' : '',
      );
      tiles.exporters.root.hidden = !exporters;
      const { live, silent } = exporters ?? { live: 0, silent: 0 };
      set(
        'exporters',
        `${live} live`,
        silent > 0 ? `${silent} silent` : 'none silent',
        silent > 0 ? 'bad' : live > 0 ? 'good' : '',
      );
    },
  };
}
