// What makes a figure sound, usable or doubtful: each check has two thresholds, and the worst check is the verdict. docs/PLANNING.md
// has the table.

export const VERDICTS = ['sound', 'usable', 'doubtful', 'unknown'] as const;
export type Verdict = (typeof VERDICTS)[number];

export const CHECKS = [
  'covered',
  'interval',
  'method',
  'coverage',
  'loss',
  'inventory',
  'stale',
  're-enriched',
  'counters',
  'provisional',
] as const;
export type CheckName = (typeof CHECKS)[number];

export interface Check {
  readonly check: CheckName;
  readonly verdict: Verdict;
  /** What was judged; null where it is not known. */
  readonly figure: number | null;
  /** A sentence. */
  readonly reason: string;
}

/** Up to the first it is sound, up to the second usable; where `least`, from these on. */
interface Limits {
  readonly sound: number;
  readonly usable: number;
  readonly least?: true;
}

const LIMITS = {
  covered: { sound: 0.99, usable: 0.8, least: true },
  interval: { sound: 0.1, usable: 0.5 },
  coverage: { sound: 0.99, usable: 0.95, least: true },
  loss: { sound: 0.01, usable: 0.05 },
  /** Seconds. */
  inventory: { sound: 3600, usable: 86_400 },
  stale: { sound: 0.01, usable: 0.1 },
  /** How far the ratio is from one, whichever way it is divided. */
  counters: { sound: 0.05, usable: 0.25 },
} as const satisfies Partial<Record<CheckName, Limits>>;

/** What is known of a cell; null where it is not. */
export interface Evidence {
  readonly value: number | null;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
  readonly samples: number;
  readonly method: string;
  readonly coveredShare: number | null;
  readonly coverage: number | null;
  readonly loss: number | null;
  /** Mean age of the inventory behind its bytes, seconds; undefined: no record of it was read. */
  readonly inventoryAgeS: number | null | undefined;
  readonly staleShare: number | null;
  readonly reenrichedShare: number | null;
  /** Counted bytes by what interfaces counted, at the ports that were compared. */
  readonly ratio: number | null;
  /** Of its records. */
  readonly ports: number;
  readonly comparedPorts: number;
  readonly provisional: readonly { readonly refused: boolean }[];
}

export function checksOf(evidence: Evidence): Check[] {
  return [
    covered(evidence),
    interval(evidence),
    method(evidence),
    coverage(evidence),
    loss(evidence),
    inventory(evidence),
    stale(evidence),
    reenriched(evidence),
    counters(evidence),
    provisional(evidence),
  ];
}

export function verdictOf(checks: readonly Check[]): Verdict {
  return VERDICTS[checks.reduce((worst, { verdict }) => Math.max(worst, VERDICTS.indexOf(verdict)), 0)]!;
}

function judge(figure: number, { sound, usable, least }: Limits): Verdict {
  const holds = (limit: number) => (least ? figure >= limit : figure <= limit);
  return holds(sound) ? 'sound' : holds(usable) ? 'usable' : 'doubtful';
}

/** Rounded down: 100 % is all of it. */
function percent(share: number): string {
  const value = share * 100;
  if (value < 10 && !Number.isInteger(value)) return `${value.toPrecision(2)} %`;
  // Of a share such as 0.29 a hundred times is a little less than 29.
  const tenths = Math.floor(value * 10 + 1e-6) / 10;
  return `${share < 1 ? Math.min(99.9, tenths) : tenths} %`;
}

function covered({ coveredShare }: Evidence): Check {
  const figure = coveredShare;
  if (!figure) {
    const reason = 'No time of the window is covered: no collector was receiving, or nothing of it is stored yet.';
    return { check: 'covered', verdict: 'unknown', figure, reason };
  }
  const reason = `${percent(figure)} of the window is covered by a collector that was receiving.`;
  return { check: 'covered', verdict: judge(figure, LIMITS.covered), figure, reason };
}

/** Half the width of the interval, of the value. */
function interval({ value, ciLow, ciHigh, samples, coverage }: Evidence): Check {
  const check = 'interval' as const;
  if (value === null)
    return { check, verdict: 'unknown', figure: null, reason: 'There is no value for this metric and window.' };
  if (value === 0 && coverage !== 1) {
    const reason = 'Nothing was seen, and not every pair is known to be seen: it may have sent something.';
    return { check, verdict: 'unknown', figure: null, reason };
  }
  if (value === 0) {
    const reason = 'Nothing was seen, and every pair is seen; a sampled exporter may have missed a little.';
    return { check, verdict: 'usable', figure: null, reason };
  }
  if (ciLow === null || ciHigh === null) {
    const reason = 'No interval is known: neither an exporter nor the registry states the sampling rate of a part.';
    return { check, verdict: 'unknown', figure: null, reason };
  }
  const figure = (ciHigh - ciLow) / 2 / value;
  const from = samples > 0 ? `, from ${samples.toLocaleString('en')} sampled packets` : '';
  const reason = `The 95 % interval reaches ${percent(figure)} to each side of the value${from}.`;
  return { check, verdict: judge(figure, LIMITS.interval), figure, reason };
}

const METHODS: Readonly<Record<string, readonly [Verdict, string]>> = {
  exact: ['sound', 'Nothing of it was sampled.'],
  poisson: ['sound', 'The interval follows from the number of samples.'],
  normal: ['sound', 'The interval follows from the variance of the samples.'],
  order: ['sound', 'The interval follows from order statistics of the five-minute buckets.'],
  none: ['sound', 'There is nothing to estimate.'],
  approximate: ['usable', 'The variance is an upper bound, because records are of several sampled packets.'],
  'partly-covered': ['usable', 'Some buckets are covered in part, and may hold bytes of flows that began before.'],
  noisy: ['doubtful', 'The noise of sampling dominates: a percentile or a maximum of it is too high.'],
  'largest-point': [
    'doubtful',
    'Several observation points saw it, and nothing says which of them saw the same packets.',
  ],
  unknown: ['unknown', 'The sampling rate of a part is not known.'],
};

function method({ method }: Evidence): Check {
  const [verdict, reason] = METHODS[method] ?? ['unknown', `The method ${method} has no judgement.`];
  return { check: 'method', verdict, figure: null, reason };
}

function coverage({ coverage: figure }: Evidence): Check {
  const check = 'coverage' as const;
  if (figure === null) {
    const reason = 'Which of its pairs of VMs an exporter sees is not known.';
    return { check, verdict: 'usable', figure, reason };
  }
  const reason = `${percent(figure)} of its pairs of running VMs have a live observation point.`;
  return { check, verdict: judge(figure, LIMITS.coverage), figure, reason };
}

function loss({ loss: figure }: Evidence): Check {
  const check = 'loss' as const;
  if (figure === null) {
    const reason = 'How much was lost on the way is not known: no exporter numbers what it sends.';
    return { check, verdict: 'usable', figure, reason };
  }
  const reason =
    figure === 0
      ? 'Nothing was lost on the way to the collector.'
      : `${percent(figure)} of it was lost on the way, by sequence numbers and drops.`;
  return { check, verdict: judge(figure, LIMITS.loss), figure, reason };
}

function inventory({ inventoryAgeS: figure }: Evidence): Check {
  const check = 'inventory' as const;
  if (figure === undefined)
    return { check, verdict: 'sound', figure: null, reason: 'No record of it was read, so no inventory is behind it.' };
  if (figure === null) {
    const reason = 'No inventory is behind its records: ends are named by address alone.';
    return { check, verdict: 'usable', figure, reason };
  }
  const age = figure >= 7200 ? `${Math.round(figure / 3600)} hours` : `${Math.round(figure / 60)} minutes`;
  const reason = `The inventory was ${age} old when its packets flowed, on the mean of its bytes.`;
  return { check, verdict: judge(figure, LIMITS.inventory), figure, reason };
}

function stale({ staleShare: figure }: Evidence): Check {
  if (figure === null) return { check: 'stale', verdict: 'sound', figure, reason: 'No record of it was read.' };
  const reason = `${percent(figure)} of its bytes were recognised by facts of a source that had been silent for too long.`;
  return { check: 'stale', verdict: judge(figure, LIMITS.stale), figure, reason };
}

/** What is enriched again is better known, not worse. */
function reenriched({ reenrichedShare: figure }: Evidence): Check {
  const reason =
    figure === null
      ? 'No record of it was read.'
      : `${percent(figure)} of its bytes were enriched again after they were stored.`;
  return { check: 're-enriched', verdict: 'sound', figure, reason };
}

function counters({ ratio: figure, ports, comparedPorts }: Evidence): Check {
  const check = 'counters' as const;
  if (figure === null) {
    const reason = 'No interface that its records count at reports counters to compare with.';
    return { check, verdict: 'sound', figure, reason };
  }
  const away = figure > 0 ? Math.max(figure, 1 / figure) - 1 : Number.POSITIVE_INFINITY;
  const where = comparedPorts < ports ? `${comparedPorts} of the ${ports}` : `the ${ports}`;
  const reason = `At ${where} port${ports === 1 ? '' : 's'} where it counts, all that was counted is ${figure.toFixed(2)} of what the interfaces counted.`;
  return { check, verdict: judge(away, LIMITS.counters), figure, reason };
}

function provisional({ provisional: spans }: Evidence): Check {
  const check = 'provisional' as const;
  const refused = spans.filter(span => span.refused).length;
  if (spans.length === 0)
    return { check, verdict: 'sound', figure: 0, reason: 'No part of the window is provisional.' };
  const reason =
    refused > 0
      ? 'In a part of the window an exporter was silent, and its records cannot be put right any more: values are too low.'
      : 'In a part of the window an exporter was silent or had returned: values may still change.';
  return { check, verdict: refused > 0 ? 'doubtful' : 'usable', figure: spans.length, reason };
}
