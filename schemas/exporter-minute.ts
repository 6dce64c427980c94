// Health of each exporter, one row per exporter, domain, protocol and minute, counted by the receive workers. Several
// rows for one key add up: counters are deltas, `lastSeen`, `samplingRate`, `waitingSets` and the clock are
// the newest.

import { CLOCK_STATES, PROTOCOLS } from './codes.ts';
import { type Column, type NamesWith, namesWith } from './columns.ts';
import { domainTitles, protocolTitles } from './protocols.ts';

const LOST = `lost before the collector: records of ${protocolTitles(({ sequence }) => sequence === 'records')}; datagrams of ${protocolTitles(({ sequence }) => sequence === 'datagrams')}`;

// biome-ignore format: one line a column
export const EXPORTER_COLUMNS = [
  { name: 'minute', kind: 'time', stage: 'decoded', reveals: 'nothing', about: 'start of the minute', source: 'collector' },
  { name: 'exporter', kind: 'address', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'address of the exporter', source: 'datagram; sFlow: agent address' },
  { name: 'observationDomain', kind: 'u32', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'part of the exporter that saw it', source: domainTitles() },
  { name: 'protocol', kind: 'u8', stage: 'decoded', codes: PROTOCOLS, dimension: true, reveals: 'nothing', about: 'export protocol', source: 'datagram' },
  { name: 'lastSeen', kind: 'time', stage: 'decoded', merge: 'newest', reveals: 'nothing', about: 'newest datagram', source: 'collector' },
  { name: 'datagrams', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'datagrams received', source: 'collector' },
  { name: 'datagramBytes', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'bytes of their payloads', source: 'collector' },
  { name: 'records', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'flow records or samples decoded', source: 'collector' },
  { name: 'lost', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: LOST, source: 'sequence numbers' },
  { name: 'restarts', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'starts of the exporter: its sequence number or uptime went back', source: 'collector' },
  { name: 'templates', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'templates learned or changed', source: 'collector' },
  { name: 'unknownTemplateSets', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'data sets that came before their template', source: 'collector' },
  { name: 'waitingSets', kind: 'u32', stage: 'decoded', merge: 'newest', reveals: 'nothing', about: 'data sets that wait for their template', source: 'collector' },
  { name: 'lostSets', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'data sets that expired or were evicted before their template came', source: 'collector' },
  { name: 'malformedSets', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'sets, samples or datagrams with a fault', source: 'collector' },
  { name: 'unknownRateRecords', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'records whose sampling rate is unknown', source: 'collector' },
  { name: 'rateChanges', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'changes of the sampling rate', source: 'collector' },
  { name: 'clashes', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'times it was found to share its sFlow agent address with other agents; its source address then stands for it', source: 'collector' },
  { name: 'samplingRate', kind: 'u32', stage: 'decoded', merge: 'newest', reveals: 'nothing', about: 'sampling rate in force, 0 unknown', source: 'collector' },
  { name: 'clock', kind: 'u8', stage: 'decoded', codes: CLOCK_STATES, merge: 'newest', reveals: 'nothing', about: 'whether its clock differs from that of the collector by the same time in three minutes', source: 'export times of headers; sFlow has none' },
  { name: 'clockSkewMs', kind: 'f64', stage: 'decoded', merge: 'newest', reveals: 'nothing', about: 'how far its clock is ahead of that of the collector, ms, negative behind; 0 when clock is unknown', source: 'export time less receipt, the nearest in three minutes; of an unsteady clock in one' },
] as const satisfies readonly Column[];

export type ExporterCounter = NamesWith<typeof EXPORTER_COLUMNS, { merge: 'sum' }>;
export const EXPORTER_COUNTERS = namesWith(EXPORTER_COLUMNS, { merge: 'sum' });
