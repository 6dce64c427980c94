// When each collector was receiving, one row per collector and minute: the evidence that a minute without traffic is zero and
// not unknown. A row is carried behind everything that its collector received before `receivingUntil`, and stored after it,
// so a stored row says that all of that is stored (docs/decisions/0013-received-and-stored.md). Several rows for one
// minute become one: durations and counters add up, of times the first or the last holds.
//
// The id of the collector (`--collector-id`) is no column of the batch: it is part of the batch's identity.

import type { Column } from './columns.ts';

const first = "SimpleAggregateFunction(min, DateTime64(3, 'UTC'))";
const last = "SimpleAggregateFunction(max, DateTime64(3, 'UTC'))";
const sum = 'SimpleAggregateFunction(sum, UInt64)';

// biome-ignore format: one line a column
export const COLLECTOR_COLUMNS = [
  { name: 'minute', kind: 'time', stage: 'decoded', clickhouse: "DateTime64(3, 'UTC')", reveals: 'nothing', about: 'start of the minute', source: 'collector' },
  { name: 'receivingFrom', kind: 'time', stage: 'decoded', clickhouse: first, reveals: 'nothing', about: 'when in the minute it was receiving first: all ports bound, all receive workers running', source: 'collector' },
  { name: 'receivingUntil', kind: 'time', stage: 'decoded', clickhouse: last, reveals: 'nothing', about: 'when in the minute it was receiving last; everything it received before is stored', source: 'collector' },
  { name: 'receivingMs', kind: 'u64', stage: 'decoded', merge: 'sum', clickhouse: sum, reveals: 'nothing', about: 'milliseconds of the minute in which it was receiving', source: 'collector' },
  { name: 'stoppedAt', kind: 'time', stage: 'decoded', clickhouse: last, reveals: 'nothing', about: 'when it was stopped; 1970 where it was not', source: 'collector' },
  { name: 'datagrams', kind: 'u64', stage: 'decoded', merge: 'sum', clickhouse: sum, reveals: 'nothing', about: 'datagrams received', source: 'collector' },
  { name: 'records', kind: 'u64', stage: 'decoded', merge: 'sum', clickhouse: sum, reveals: 'nothing', about: 'flow records or samples decoded, those over connections included', source: 'collector' },
  { name: 'droppedDatagrams', kind: 'u64', stage: 'decoded', merge: 'sum', clickhouse: sum, reveals: 'nothing', about: 'datagrams that the kernel dropped because a receive buffer was full', source: '/proc/net/udp, udp6' },
  { name: 'droppedRecords', kind: 'u64', stage: 'decoded', merge: 'sum', clickhouse: sum, reveals: 'nothing', about: 'records decoded and then dropped: no column buffer was free, a receive worker crashed, or the spool refused their batch', source: 'collector' },
] as const satisfies readonly Column[];
