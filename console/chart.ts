// One rate over time with its interval as a band, drawn by uPlot. The chart is made once and fed new data.

import uPlot from 'uplot';
import type { Metric } from '../query-api/answers/metric.ts';
import type { SeriesAnswer } from '../query-api/questions/series.ts';
import { formatValue } from './units.ts';

const HEIGHT_PX = 190;

export class Chart {
  readonly #root: HTMLElement;
  #plot: uPlot | undefined;
  #last: SeriesAnswer | undefined;

  constructor(root: HTMLElement) {
    this.#root = root;
    new ResizeObserver(() => this.#plot?.setSize({ width: root.clientWidth, height: HEIGHT_PX })).observe(root);
  }

  update(answer: SeriesAnswer): void {
    if (answer.metric !== this.#last?.metric) this.#discard();
    this.#last = answer;
    this.#draw();
  }

  /** Draws again in the colours of the theme. */
  restyle(): void {
    this.#discard();
    this.#draw();
  }

  #discard(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  #draw(): void {
    if (!this.#last) return;
    const { times, series, metric } = this.#last;
    const [first] = series;
    const data: uPlot.AlignedData = [times, first?.values ?? [], first?.ciLow ?? [], first?.ciHigh ?? []];
    if (this.#plot) this.#plot.setData(data);
    else this.#plot = new uPlot(optionsOf(metric, this.#root.clientWidth), data, this.#root);
  }
}

function optionsOf(metric: Metric, width: number): uPlot.Options {
  const line = colour('--accent');
  return {
    width,
    height: HEIGHT_PX,
    padding: [10, 16, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: axesOf(metric),
    series: [
      {},
      {
        label: 'rate',
        stroke: line,
        width: 1.75,
        fill: colour('--area'),
        points: { show: false, filter: isolated, size: 6, fill: line },
      },
      edge(),
      edge(),
    ],
    bands: [{ series: [3, 2], fill: colour('--band') }],
  };
}

/** Lower and upper end of the interval: the band between them is seen, and where no line leads to a value each as a point. */
function edge(): uPlot.Series {
  const points = { show: false, filter: isolated, size: 4, fill: colour('--muted') };
  return { stroke: 'transparent', width: 0, points };
}

function axesOf(metric: Metric): uPlot.Axis[] {
  const axis: uPlot.Axis = {
    stroke: colour('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return [
    {
      ...axis,
      space: 64,
      values: [
        [86400, '{D} {MMM}', null, null, null, null, null, null, 1],
        [60, '{HH}:{mm}', '\n{D} {MMM}', null, null, null, null, null, 1],
      ],
    },
    { ...axis, size: 66, values: (_plot, values) => values.map(value => formatValue(value, metric)) },
  ];
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Values between gaps: no line leads to them, so each is a point. The first minutes of an installation are one. */
function isolated(plot: uPlot, series: number): number[] {
  const values = plot.data[series]!;
  return Array.from(values, (_, i) => i).filter(
    i => values[i] != null && values[i - 1] == null && values[i + 1] == null,
  );
}
