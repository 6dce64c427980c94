// What applications cost: compiling 2,000 rules with a million prefixes, opening them in the thread that enriches, giving
// 100,000 new endpoints their sets, and classifying records with and without learned services.

import { Endpoints } from '../../enricher/endpoints/endpoints.ts';
import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { RowOffsets } from '../../enricher/entries/row-offsets.ts';
import { Classifier } from '../../enricher/stages/classification.ts';
import { LearnedServices } from '../../enricher/stages/learned-services.ts';
import { ephemeralBits, type PortBits } from '../../enricher/stages/server-side.ts';
import { SET } from '../../inventory/applications/application-sets.ts';
import { ApplicationTable, compileApplications, type Subject } from '../../inventory/applications/applications.ts';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { compileSnapshot, type Snapshot } from '../../inventory/snapshot/snapshot.ts';
import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { createBatch } from '../../schemas/batch.ts';
import { FLOW_COLUMNS, type FlowColumns } from '../../schemas/flow.ts';
import type { Results } from './results.ts';

const SIZES = {
  full: { rules: 2000, prefixes: 1_000_000, endpoints: 100_000, rows: 65_536, rounds: 20, services: 100_000 },
  smoke: { rules: 50, prefixes: 2000, endpoints: 500, rows: 2048, rounds: 2, services: 1000 },
};
/** Where services are learned. */
const SERVICE_PORT_FIRST = 20_000;
const SERVICE_PORTS = 100;

type Size = (typeof SIZES)['full'];

export async function benchApplications(smoke: boolean): Promise<Results> {
  const size = smoke ? SIZES.smoke : SIZES.full;
  const stopwatch = new Stopwatch();
  const document = measureDocument(stopwatch, size);
  measureClassification(stopwatch, size, document);
  return {
    name: 'applications',
    about: `${size.rules} rules (names, tags, folders, port groups, segments, addresses, MACs, VIPs) with ${size.prefixes} prefixes, ${size.endpoints} distinct endpoints. Classification is one pass over batches of ${size.rows} records.`,
    columns: ['what', 'CPU time', 'each'],
    rows: stopwatch.rows,
  };
}

/** CPU time of each step, as the rows of the table. */
class Stopwatch {
  readonly rows: string[][] = [];

  /** `run` did something `times` times. */
  measure<T>(what: string, times: number, unit: string, run: () => T): T {
    const startedAt = process.cpuUsage();
    const result = run();
    const { user, system } = process.cpuUsage(startedAt);
    const elapsedMs = (user + system) / 1000;
    const each = times === 1 ? '' : `${((elapsedMs * 1000) / times).toFixed(3)} us a ${unit}`;
    this.rows.push([what, `${elapsedMs.toFixed(1)} ms`, each]);
    return result;
  }
}

/** From the document to the sets of endpoints. */
function measureDocument(stopwatch: Stopwatch, { rules, prefixes, endpoints }: Size): Applications {
  const once = <T>(what: string, run: () => T) => stopwatch.measure(what, 1, '', run);
  const given = applicationsDocument(rules, prefixes);
  const document = once('check the document', () => applicationsChecker.check('applications', given));
  const compiled = once('compile it', () => compileApplications(document));
  const copied = once('clone it to another thread', () => structuredClone(compiled));
  const table = once('open it', () => new ApplicationTable(copied));
  const subjects = subjectsOf(endpoints, rules);
  const claimed = stopwatch.measure('sets of new endpoints', subjects.length, 'endpoint', () => {
    let count = 0;
    for (const subject of subjects) if (table.sets[table.setOf(subject) * SET.words + SET.client] !== 0) count++;
    return count;
  });
  if (claimed !== subjects.length) throw new Error(`${claimed} of ${subjects.length} endpoints are claimed`);
  return document;
}

function measureClassification(stopwatch: Stopwatch, size: Size, applications: Applications): void {
  const snapshot = compileSnapshot({ ...NO_DOCUMENTS, applications });
  const { columns } = batchOf(size.rows);
  const ephemeral = ephemeralBits();
  const services = learnedServices(ephemeral, size.services);
  const round: Round = { stopwatch, size, snapshot, columns, ephemeral };
  measureRecords(round, 'nothing learned');
  measureRecords(round, 'services learned at other ports', services);
  // Ports of clients, below the ephemeral ones, at which something was learned.
  columns.srcPort.forEach((_, row, ports) => {
    ports[row] = SERVICE_PORT_FIRST + (row % SERVICE_PORTS);
  });
  measureRecords(round, 'services learned at these ports', services);
}

interface Round {
  readonly stopwatch: Stopwatch;
  readonly size: Size;
  readonly snapshot: Snapshot;
  readonly columns: FlowColumns;
  readonly ephemeral: PortBits;
}

function measureRecords(round: Round, what: string, services?: LearnedServices): void {
  const { stopwatch, size, snapshot, columns, ephemeral } = round;
  const names = createNodeNames();
  const endpoints = new Endpoints(snapshot, names);
  const classifier = new Classifier(snapshot.applications, endpoints, names, {
    ephemeral,
    ...(services && { services }),
  });
  const offsets = new RowOffsets(size.rows);
  endpoints.resolve(columns, 0, size.rows, offsets);
  const classify = () => {
    for (let i = 0; i < size.rounds; i++) classifier.classify(columns, 0, size.rows, offsets);
  };
  classify();
  const records = size.rows * size.rounds;
  stopwatch.measure(`classify, ${what}`, records, 'record', classify);
  if (!services) return;
  stopwatch.measure(`learn from them (${what})`, records, 'record', () => {
    for (let i = 0; i < size.rounds; i++) services.learn(columns, 0, size.rows);
  });
}

function learnedServices(ephemeral: PortBits, count: number): LearnedServices {
  const learned = new LearnedServices({ ephemeral });
  learned.merge(
    Array.from({ length: count }, (_, i) => ({
      address: [0, 0, 0xffff, (0x0b000000 + i) >>> 0] as const,
      vrf: 0,
      proto: 6,
      port: SERVICE_PORT_FIRST + (i % SERVICE_PORTS),
      answered: true,
      firstSeenMs: 0,
      lastSeenMs: 1000,
    })),
  );
  return learned;
}

export function applicationsDocument(rules: number, prefixes: number): unknown {
  const each = Math.ceil(prefixes / rules);
  return {
    internal: ['10.0.0.0/8'],
    applications: Array.from({ length: rules }, (_, i) => ({
      id: `app-${i}`,
      servers: {
        names: [`app${i}-*`, `*-app${i}`, `x?app${i}y*z`],
        tags: [`app:${i}`],
        folders: [`/prod/app${i}`],
        portGroups: [`pg-${i}`],
        segments: [`segment-${i}`],
        addresses: [`192.168.${i >>> 8}.${i & 255}`],
        macs: [`02:00:00:00:${hex(i >>> 8)}:${hex(i & 255)}`],
        vips: [`172.16.${i >>> 8}.${i & 255} tcp/443`],
        prefixes: Array.from({ length: each }, (_, j) => prefixOf(i * each + j)),
      },
      ports: [`tcp/${1024 + i}`, 'tcp/443'],
    })),
  };
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** Distinct prefixes of eight lengths. */
function prefixOf(n: number): string {
  const length = 25 + (n % 8);
  return `10.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}/${length}`;
}

function subjectsOf(count: number, rules: number): Subject[] {
  return Array.from({ length: count }, (_, n) => {
    const i = n % rules;
    const address = [0, 0, 0xffff, (0x0a000000 + n * 37) >>> 0] as const;
    const subjects: readonly Subject[] = [
      { name: `app${i}-${n}`, address },
      { name: `host${n}-app${i}`, tags: ['zone:a', `app:${i}`], address },
      { name: `vm-${n}`, folder: `/prod/app${i}/tier/${n}`, address },
      { name: `vm-${n}`, portGroups: [`pg-${i}`, 'Blue'], address },
      { name: `vm-${n}`, segment: `segment-${i}`, address },
      { name: `vm-${n}`, mac: `02:00:00:00:${hex(i >>> 8)}:${hex(i & 255)}`, address },
    ];
    return subjects[n % subjects.length]!;
  });
}

/** Clients with ephemeral ports call servers, in both directions. */
function batchOf(rows: number) {
  const batch = createBatch(FLOW_COLUMNS, rows);
  const { columns } = batch;
  for (let row = 0; row < rows; row++) {
    const isAnswer = row % 2 === 1;
    columns.srcAddr.set([0, 0, 0xffff0000, 10 | ((row & 255) << 24)], 4 * row);
    columns.dstAddr.set([0, 0, 0xffff0000, 10 | ((row & 255) << 16)], 4 * row);
    columns.proto[row] = 6;
    columns.tcpFlags[row] = 0x1a;
    columns.packets[2 * row] = 9;
    columns.srcPort[row] = isAnswer ? 8080 : 40_000 + (row % 20_000);
    columns.dstPort[row] = isAnswer ? 40_000 + (row % 20_000) : 8080;
  }
  batch.rows = rows;
  return batch;
}
