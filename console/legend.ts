// The key to the colours: the ramp with its decades, and the two marks that are not colours.

import type { Metric } from '../query-api/answers/metric.ts';
import { el } from './dom.ts';
import { decades, rampOf, type Scale, type ThemeName } from './scale.ts';
import { formatShort, formatValue } from './units.ts';

export function drawLegend(root: HTMLElement, scale: Scale, theme: ThemeName, metric: Metric): void {
  const ticks = decades(scale).map(value => {
    const tick = el('span', { class: 'tick' }, formatShort(value, metric).replace('.0', ''));
    tick.style.setProperty('--at', `${(scale.position(value) * 100).toFixed(2)}%`);
    return tick;
  });
  const ramp = el(
    'div',
    {
      class: 'ramp',
      role: 'img',
      'aria-label': `Colour scale, logarithmic, ${formatValue(scale.min, metric)} to ${formatValue(scale.max, metric)}`,
    },
    ...ticks,
  );
  ramp.style.setProperty('--ramp', rampOf(theme));
  root.replaceChildren(
    el('span', { class: 'mark' }, el('i', { class: 'swatch diagonal' }), 'within one'),
    el('span', { class: 'mark' }, el('i', { class: 'swatch empty' }, '·'), 'nothing seen'),
    ramp,
  );
}
