// The Prometheus registry of a process: default process metrics and every set of shared counters registered with it.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { CounterSpecs, Counters } from './counters.ts';

export interface Metrics {
  readonly registry: Registry;
  /** Shows a set of counters; `labels` distinguish several sets of one kind (`{ worker: '0' }`). */
  register(counters: Counters<CounterSpecs>, labels?: Readonly<Record<string, string>>): void;
  /** Shows values that `read` gives at each request, whose labels no source fixes; whoever gives them bounds their number. */
  gauge(spec: GaugeSpec, read: () => Iterable<GaugeValue>): void;
}

export interface GaugeSpec {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

export interface GaugeValue {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export const METRIC_PREFIX = 'hairpin_';

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const sets: { counters: Counters<CounterSpecs>; labels: Readonly<Record<string, string>> }[] = [];
  const metricOf = new Map<string, Counter | Gauge>();

  const collect = (name: string, metric: Counter | Gauge) => {
    metric.reset();
    for (const { counters, labels } of sets) {
      for (const [key, spec] of Object.entries(counters.specs)) {
        if (spec.name === name) metric.inc({ ...labels, ...spec.labels }, counters.get(key));
      }
    }
  };

  return {
    registry,
    register(counters, labels = {}) {
      sets.push({ counters, labels });
      for (const { name, help, labels: own = {} } of Object.values(counters.specs)) {
        if (metricOf.has(name)) continue;
        const labelNames = [...Object.keys(labels), ...Object.keys(own)];
        const options = { name: METRIC_PREFIX + name, help, labelNames, registers: [registry] };
        const metric: Counter | Gauge = name.endsWith('_total')
          ? new Counter({ ...options, collect: () => collect(name, metric) })
          : new Gauge({ ...options, collect: () => collect(name, metric) });
        metricOf.set(name, metric);
      }
    },
    gauge({ name, help, labelNames = [] }, read) {
      const gauge: Gauge = new Gauge({
        ...{ name: METRIC_PREFIX + name, help, labelNames: [...labelNames], registers: [registry] },
        collect: () => {
          gauge.reset();
          for (const { labels = {}, value } of read()) gauge.set(labels, value);
        },
      });
    },
  };
}
