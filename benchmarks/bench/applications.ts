// What applications cost: compiling 2,000 rules with a million prefixes, opening them in the thread that enriches, giving
// 100,000 new endpoints their sets, and classifying records with and without learned services.

import { Endpoints } from '../../enricher/endpoints/endpoints.ts';
import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { RowOffsets } from '../../enricher/entries/row-offsets.ts';
import { Classifier } from '../../enricher/stages/classification.ts';
import { LearnedServices } from '../../enricher/stages/learned-services.ts';
import { ephemeralBits } from '../../enricher/stages/server-side.ts';
import { SET } from '../../inventory/applications/application-sets.ts';
import { compileApplications, openApplications, type Subject } from '../../inventory/applications/applications.ts';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { applicationsChecker } from '../../schemas/applications.ts';
import { createBatch } from '../../schemas/batch.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import type { Results } from './results.ts';

const SIZES = {
  full: { rules: 2000, prefixes: 1_000_000, endpoints: 100_000, rows: 65_536, rounds: 20 },
  smoke: { rules: 50, prefixes: 2000, endpoints: 500, rows: 2048, rounds: 2 },
};

export async function benchApplications(smoke: boolean): Promise<Results> {
  const size = smoke ? SIZES.smoke : SIZES.full;
  const rows: string[][] = [];
  const timed = <T>(what: string, times: number, unit: string, run: () => T): T => {
    const startedAt = process.cpuUsage();
    const result = run();
    const { user, system } = process.cpuUsage(startedAt);
    const elapsedMs = (user + system) / 1000;
    rows.push([
      what,
      `${elapsedMs.toFixed(1)} ms`,
      times === 1 ? '' : `${((elapsedMs * 1000) / times).toFixed(3)} us a ${unit}`,
    ]);
    return result;
  };
  const given = applicationsDocument(size.rules, size.prefixes);
  const document = timed('check the document', 1, '', () => applicationsChecker.check('applications', given));
  const compiled = timed('compile it', 1, '', () => compileApplications(document));
  const copied = timed('clone it to another thread', 1, '', () => structuredClone(compiled));
  const table = timed('open it', 1, '', () => openApplications(copied));
  const subjects = subjectsOf(size.endpoints, size.rules);
  const claimed = timed('sets of new endpoints', subjects.length, 'endpoint', () => {
    let count = 0;
    for (const subject of subjects) if (table.sets[table.setOf(subject) * SET.words + SET.client] !== 0) count++;
    return count;
  });
  if (claimed !== subjects.length) throw new Error(`${claimed} of ${subjects.length} endpoints are claimed`);

  const documents = { ...NO_DOCUMENTS, applications: document };
  const snapshot = compileSnapshot(documents);
  const batch = batchOf(size.rows);
  const offsets = new RowOffsets(size.rows);
  const ephemeral = ephemeralBits();
  const learned = new LearnedServices({ ephemeral });
  learned.merge(
    Array.from({ length: smoke ? 1000 : 100_000 }, (_, i) => ({
      address: [0, 0, 0xffff, (0x0b000000 + i) >>> 0] as const,
      vrf: 0,
      proto: 6,
      port: 20_000 + (i % 100),
      answered: true,
      firstSeenMs: 0,
      lastSeenMs: 1000,
    })),
  );
  for (const [what, services] of [
    ['classify, nothing learned', undefined],
    ['classify, services learned at other ports', learned],
    ['classify, services learned at these ports', learned],
  ] as const) {
    const names = createNodeNames();
    const endpoints = new Endpoints(snapshot, names);
    const classifier = new Classifier(snapshot.applications, endpoints, names, {
      ephemeral,
      ...(services && { services }),
    });
    // Ports of clients, below the ephemeral ones, at which something was learned.
    if (what.endsWith('these ports'))
      batch.columns.srcPort.forEach((_, row, ports) => {
        ports[row] = 20_000 + (row % 100);
      });
    endpoints.resolve(batch.columns, 0, size.rows, offsets);
    for (let round = 0; round < size.rounds; round++) classifier.classify(batch.columns, 0, size.rows, offsets);
    timed(what, size.rows * size.rounds, 'record', () => {
      for (let round = 0; round < size.rounds; round++) classifier.classify(batch.columns, 0, size.rows, offsets);
    });
    if (services)
      timed(`learn from them (${what.slice(10)})`, size.rows * size.rounds, 'record', () => {
        for (let round = 0; round < size.rounds; round++) services.learn(batch.columns, 0, size.rows);
      });
  }
  return {
    name: 'applications',
    about: `${size.rules} rules (names, tags, folders, port groups, segments, addresses, MACs, VIPs) with ${size.prefixes} prefixes, ${size.endpoints} distinct endpoints. Classification is one pass over batches of ${size.rows} records.`,
    columns: ['what', 'CPU time', 'each'],
    rows,
  };
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
