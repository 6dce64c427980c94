// One rate over time with its interval as a band, drawn by uPlot. The chart is made once and fed new data.

import uPlot from 'uplot';
import type { Metric } from '../query-api/answers/metric.ts';
import type { SeriesAnswer } from '../query-api/questions/series.ts';
import { formatValue } from './format.ts';

export interface Chart {
  update(answer: SeriesAnswer): void;
  /** Draws again in the colours of the theme. */
  restyle(): void;
}

const HEIGHT_PX = 190;

export function createChart(root: HTMLElement): Chart {
  let plot: uPlot | undefined;
  let last: SeriesAnswer | undefined;
  const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function make(metric: Metric, data: uPlot.AlignedData): uPlot {
    const line = colour('--accent');
    const band = colour('--band');
    const axis: uPlot.Axis = {
      stroke: colour('--muted'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    };
    const edge: uPlot.Series = { stroke: 'transparent', width: 0, points: { show: false } };
    const options: uPlot.Options = {
      width: root.clientWidth,
      height: HEIGHT_PX,
      padding: [10, 16, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [
        {
          ...axis,
          space: 64,
          values: [
            [86400, '{D} {MMM}', null, null, null, null, null, null, 1],
            [60, '{HH}:{mm}', '\n{D} {MMM}', null, null, null, null, null, 1],
          ],
        },
        { ...axis, size: 66, values: (_plot, values) => values.map(value => formatValue(value, metric)) },
      ],
      series: [
        {},
        {
          label: 'rate',
          stroke: line,
          width: 1.75,
          fill: colour('--area'),
          points: { show: false, filter: isolated, size: 6, fill: line },
        },
        edge,
        edge,
      ],
      bands: [{ series: [3, 2], fill: band }],
    };
    return new uPlot(options, data, root);
  }

  function draw(): void {
    if (!last) return;
    const [series] = last.series;
    const data: uPlot.AlignedData = [last.times, series?.values ?? [], series?.ciLow ?? [], series?.ciHigh ?? []];
    if (plot) {
      plot.setData(data);
      return;
    }
    plot = make(last.metric, data);
  }

  new ResizeObserver(() => plot?.setSize({ width: root.clientWidth, height: HEIGHT_PX })).observe(root);

  return {
    update(answer) {
      if (answer.metric !== last?.metric) {
        plot?.destroy();
        plot = undefined;
      }
      last = answer;
      draw();
    },
    restyle() {
      plot?.destroy();
      plot = undefined;
      draw();
    },
  };
}

/** Values between gaps: no line leads to them, so each is a point. The first minutes of an installation are one. */
function isolated(plot: uPlot, series: number): number[] {
  const values = plot.data[series]!;
  return Array.from(values, (_, i) => i).filter(
    i => values[i] != null && values[i - 1] == null && values[i + 1] == null,
  );
}
