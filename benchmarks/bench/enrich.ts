// `bench enrich`: what enriching a record costs, stage by stage, in one thread, per second of its CPU time. A data centre of
// 100,000 VMs on 2,500 hosts and 100 switches, 2,000 application rules, and batches of 65,536 records in the order in
// which datagrams would bring them: each exporter's in runs, a few hot conversations and many cold ones. The batches are
// different ones, so that what the processor remembers of one does not help with the next. The cold ones are the worst case:
// every VM is as likely a peer as any other, so that nearly every end is a cache miss. The last row has peers as data
// centres have them, where few machines are asked by nearly all: the nth most popular one 1/n as often as the first.
// Where its memory lies decides for the whole life of a process how fast it is: so several are measured, and the one in the
// middle counts.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Bench } from 'tinybench';
import { Election } from '../../enricher/election/election.ts';
import { SeenPorts } from '../../enricher/election/seen-ports.ts';
import { Endpoints } from '../../enricher/endpoints/endpoints.ts';
import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { RowOffsets } from '../../enricher/entries/row-offsets.ts';
import { Classifier } from '../../enricher/stages/classification.ts';
import type { FlowBatch } from '../../enricher/stages/enrich.ts';
import { Enrichment } from '../../enricher/stages/enrich.ts';
import { estimate } from '../../enricher/stages/estimate.ts';
import { fillLocations } from '../../enricher/stages/location-columns.ts';
import { normaliseTimes, setTime } from '../../enricher/stages/times.ts';
import type { Documents } from '../../inventory/model/documents.ts';
import { fixedKnowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { parseAddress, parseMac, swap32 } from '../../schemas/address.ts';
import { applicationsChecker } from '../../schemas/applications.ts';
import { createBatch } from '../../schemas/batch.ts';
import { COUNT_REASON, DIRECTION, PROTOCOL } from '../../schemas/codes.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { inlineFurther } from '../../service/inlining.ts';
import { createRandom } from '../random.ts';
import type { Results } from './results.ts';

/** In the bundle, a file with all that it imports, as threads are. */
const PROGRAM = fileURLToPath(new URL('./enrich.ts', import.meta.url));

const SIZES = {
  full: { vms: 100_000, hosts: 2500, switches: 100, rules: 2000, rows: 65_536, batches: 4, timeMs: 1000 },
  smoke: { vms: 1000, hosts: 50, switches: 5, rules: 40, rows: 2048, batches: 2, timeMs: 20 },
};
type Size = (typeof SIZES)['full'];

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
export const LIMITS = { spanMsMax: 3_600_000, skewMsMax: 60_000 };
const RECORDS_PER_DATAGRAM = 25;
const FABRIC = 1000;
const EXTERNAL_ONE_IN = 10;
const HOT_ONE_IN = 3;
const HOT_PAIRS = 2000;
/** A prime, so that popular VMs are on all hosts. */
const POPULARITY_STEP = 7919;

/** An odd number: one is in the middle. */
const PROCESSES = 5;

interface Measured {
  /** Of the records, how many count. */
  readonly share: number;
  /** Nanoseconds of CPU a record, by stage. */
  readonly stages: readonly (readonly [name: string, ns: number])[];
}

export function benchEnrich(smoke: boolean): Results {
  const size = smoke ? SIZES.smoke : SIZES.full;
  const processes = Array.from({ length: smoke ? 1 : PROCESSES }, () => measureApart(smoke));
  const [{ share, stages }] = processes as [Measured];
  return {
    name: 'enrich',
    about: `${size.vms} VMs, ${size.rules} application rules, batches of ${size.rows} records, ${(100 * share).toFixed(0)} % of which count; one thread, per second of its CPU time. Of ${processes.length} processes, by each stage.`,
    columns: ['stage', 'M records/s, middle', 'slowest process', 'fastest', 'ns CPU a record, middle'],
    rows: stages.map(([name], i) => {
      const sorted = processes.map(one => one.stages[i]![1]).sort((a, b) => a - b);
      const at = (part: number) => sorted[Math.floor(part * (sorted.length - 1))]!;
      const millions = (ns: number) => (1000 / ns).toFixed(1);
      return [name, millions(at(0.5)), millions(at(1)), millions(at(0)), at(0.5).toFixed(0)];
    }),
  };
}

function measureApart(smoke: boolean): Measured {
  return JSON.parse(execFileSync(process.execPath, [PROGRAM, String(smoke)], { encoding: 'utf8' }));
}

/** In a process of its own. */
async function measureStages(size: Size): Promise<Measured> {
  inlineFurther();
  const snapshot = compileSnapshot(documentsOf(size));
  const batches = batchesOf(size, 'uniform');
  const names = createNodeNames();
  const endpoints = new Endpoints(snapshot, names);
  const classifier = new Classifier(snapshot.applications, endpoints, names);
  const ports = new SeenPorts(snapshot, 4 * size.rows);
  const enrichment = new Enrichment(fixedKnowledge(snapshot), createNodeNames(), LIMITS);
  const { rows } = size;
  const offsets = batches.map(() => new RowOffsets(rows));
  const election = new Election(snapshot.access);
  const resolved = { endpoints, ports };
  const faults = { cut: 0, reversed: 0 };

  type Stage = (batch: FlowBatch, i: number) => void;
  const all: Stage = batch => enrichment.enrichBatch(batch, { low: 7, high: 9 });
  const stages: Record<string, Stage> = {
    times: ({ columns }) => normaliseTimes(columns, rows, LIMITS, faults),
    exporters: ({ columns }, i) => snapshot.exporters.resolve(columns, 0, rows, offsets[i]!.exporters),
    estimate: ({ columns }, i) => estimate(columns, 0, rows, offsets[i]!.exporters, snapshot.exporters),
    endpoints: ({ columns }, i) => endpoints.resolve(columns, 0, rows, offsets[i]!),
    applications: ({ columns }, i) => classifier.classify(columns, 0, rows, offsets[i]!),
    ports: ({ columns }, i) => ports.resolve(columns, 0, rows, offsets[i]!),
    election: ({ columns }, i) => election.elect(columns, 0, rows, offsets[i]!, resolved),
    locations: ({ columns }, i) => fillLocations(columns, 0, rows, offsets[i]!, resolved),
    'all of it': all,
  };
  const measured: [string, number][] = [];
  for (const [name, stage] of Object.entries(stages)) measured.push([name, await measure(size, batches, stage)]);
  measured.push(['all of it, popular peers', await measure(size, batchesOf(size, 'popular'), all)]);
  const counted = batches.reduce((sum, batch) => sum + batch.columns.countReason.filter(isElected).length, 0);
  const share = counted / (rows * batches.length);
  if (share < 0.4 || share > 0.7)
    throw new Error(`${(100 * share).toFixed(0)} % of the records count, expected about half`);
  return { share, stages: measured };
}

function isElected(reason: number): boolean {
  return reason === COUNT_REASON.elected;
}

/** Nanoseconds of CPU a record, the median of the rounds. */
async function measure(
  { rows, timeMs }: Size,
  batches: readonly FlowBatch[],
  stage: (batch: FlowBatch, i: number) => void,
): Promise<number> {
  const bench = new Bench({
    now: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    time: timeMs,
    iterations: 5,
    warmupTime: timeMs / 4,
    throws: true,
  });
  bench.add('stage', () => batches.forEach(stage));
  await bench.run();
  const { latency } = bench.tasks[0]!.result as { latency: { p50: number } };
  return (latency.p50 * 1e6) / (rows * batches.length);
}

const vmAddress = (vm: number) => `10.${32 + (vm >>> 16)}.${(vm >>> 8) & 255}.${vm & 255}`;
const vmMac = (vm: number) =>
  `52:54:00:${[vm >>> 16, (vm >>> 8) & 255, vm & 255].map(byte => byte.toString(16).padStart(2, '0')).join(':')}`;
const switchAddress = (index: number) => `192.0.2.${index + 1}`;

/** VMs take turns over the hosts, hosts over the switches; every other switch sends IPFIX, the others sFlow. */
export function documentsOf({
  vms,
  hosts,
  switches,
  rules,
}: Pick<Size, 'vms' | 'hosts' | 'switches' | 'rules'>): Documents {
  const apps = Math.ceil(rules / 2);
  return {
    inventory: inventoryChecker.check('inventory', {
      source: 'bench',
      asOf: new Date(NOW_MS).toISOString(),
      racks: Array.from({ length: switches }, (_, i) => ({ id: `rack-${i}` })),
      switches: Array.from({ length: switches }, (_, i) => ({
        id: `leaf-${i}`,
        rack: `rack-${i}`,
        ports: [...Array.from({ length: Math.ceil(hosts / switches) }, (_, port) => port + 1), FABRIC].map(ifIndex => ({
          ifIndex,
        })),
      })),
      hosts: Array.from({ length: hosts }, (_, i) => ({
        id: `host-${i}`,
        rack: `rack-${i % switches}`,
        pnics: [{ id: 'p', switch: `leaf-${i % switches}`, ifIndex: portOf(i, switches) }],
        vswitches: [
          {
            id: 'v',
            uplinks: ['p'],
            switching: 'vepa',
            reflectiveRelay: { configured: true, operational: true },
            portGroups: [{ id: 'pg', vlan: 100 }],
          },
        ],
      })),
      vms: Array.from({ length: vms }, (_, i) => ({
        id: `vm-${i}`,
        name: `app${i % apps}-${i}`,
        host: `host-${i % hosts}`,
        vnics: [{ mac: vmMac(i), addresses: [vmAddress(i)], portGroup: 'pg' }],
      })),
    }),
    applications: applicationsChecker.check('applications', {
      applications: Array.from({ length: rules }, (_, i) => ({
        id: `app-${i}`,
        servers: { names: [`app${i % apps}-*`] },
        ports: i < apps ? ['tcp/443', `tcp/${8000 + (i % 100)}`] : ['tcp/5432'],
      })),
    }),
    exporters: exporterRegistryChecker.check('exporters', {
      exporters: Array.from({ length: switches }, (_, i) => ({
        address: switchAddress(i),
        switch: `leaf-${i}`,
        protocol: i % 2 === 0 ? 'ipfix' : 'sflow5',
        metering: 'ingress',
        ports: [{ ifIndex: FABRIC, role: i === 0 ? 'external' : 'fabric' }],
      })),
    }),
  };
}

function portOf(host: number, switches: number): number {
  return 1 + Math.floor(host / switches);
}

/** Each packet shows at the switch of its sender and at that of its receiver, if that is another. */
export function batchesOf(
  size: Pick<Size, 'vms' | 'hosts' | 'switches' | 'rows' | 'batches'>,
  peers: 'uniform' | 'popular',
): FlowBatch[] {
  const { vms, hosts, switches, rows } = size;
  const random = createRandom(1, 2);
  // The logarithm of a rank is uniform where the nth is 1/n as likely as the first.
  const popular = () => (Math.floor(vms ** random.unit()) * POPULARITY_STEP) % vms;
  const cold = peers === 'popular' ? popular : () => random.below(vms);
  const hot = Array.from({ length: HOT_PAIRS }, () => [random.below(vms), random.below(vms)] as const);
  const address = (text: string) => parseAddress(text)!.map(swap32);
  return Array.from({ length: size.batches }, () => {
    const batch = createBatch(FLOW_COLUMNS, rows);
    const { columns } = batch;
    let [datagramSwitch, left] = [0, 0];
    for (let row = 0; row < rows; row++) {
      if (left-- === 0) [datagramSwitch, left] = [random.below(switches), RECORDS_PER_DATAGRAM - 1];
      const near = datagramSwitch + switches * random.below(Math.floor(hosts / switches));
      const isHot = random.below(HOT_ONE_IN) === 0;
      const far = isHot ? hot[random.below(HOT_PAIRS)]![1] : cold();
      const local = (near + hosts * random.below(Math.floor(vms / hosts))) % vms;
      const isSender = random.below(2) === 0;
      const isOutside = random.below(EXTERNAL_ONE_IN) === 0;
      const [from, to] = isSender ? [local, far] : [far, local];
      const outside = address(`198.51.100.${random.below(250) + 1}`);
      columns.srcAddr.set(isOutside && !isSender ? outside : address(vmAddress(from)), 4 * row);
      columns.dstAddr.set(isOutside && isSender ? outside : address(vmAddress(to)), 4 * row);
      const [fromMac, toMac] = [parseMac(vmMac(from))!, parseMac(vmMac(to))!];
      if (!isOutside || isSender) columns.srcMac.set([fromMac.low, fromMac.high], 2 * row);
      if (!isOutside || !isSender) columns.dstMac.set([toMac.low, toMac.high], 2 * row);
      columns.exporter.set(address(switchAddress(datagramSwitch)), 4 * row);
      columns.protocol[row] = datagramSwitch % 2 === 0 ? PROTOCOL.ipfix : PROTOCOL.sflow5;
      const port = portOf(near % hosts, switches);
      columns.inIf[row] = isSender ? port : FABRIC;
      columns.outIf[row] = isSender ? FABRIC : port;
      columns.direction[row] = DIRECTION.ingress;
      columns.vlan[row] = 100;
      columns.proto[row] = 6;
      const service = random.below(3) === 0 ? 443 : random.below(2) === 0 ? 5432 : 8000 + random.below(100);
      const client = 32_768 + random.below(28_000);
      columns.srcPort[row] = isSender ? client : service;
      columns.dstPort[row] = isSender ? service : client;
      columns.samplingRate[row] = 1000;
      setTime(columns.bytes, row, 64 + random.below(1400));
      setTime(columns.packets, row, 1);
      setTime(columns.receivedAt, row, NOW_MS);
      setTime(columns.flowStart, row, NOW_MS - random.below(30_000));
      setTime(columns.flowEnd, row, NOW_MS);
    }
    batch.rows = rows;
    return batch;
  });
}

if (process.argv[1] === PROGRAM)
  console.log(JSON.stringify(await measureStages(process.argv[2] === 'true' ? SIZES.smoke : SIZES.full)));
