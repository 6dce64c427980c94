// Simulated exporters that fall silent, send what nobody can decode, return and are registered late, in front of two enrichers
// that learn of it at different moments: everything that a deployment does, by a clock of the simulation, without sockets
// and database. The datagrams, the decoder, the minutes of exporters, the decisions and the election are the real ones.

import type { Output } from '../../collector/decode/context.ts';
import { Decoder } from '../../collector/decode/decoder.ts';
import type { FlowBatch as DecodedBatch } from '../../collector/decode/flow-batch.ts';
import { exporterReport } from '../../collector/reports/exporter-report.ts';
import type { FlowBatch } from '../../enricher/stages/enrich.ts';
import { timeAt } from '../../enricher/stages/times.ts';
import type { Activity } from '../../inventory/liveness/activity.ts';
import { liveSince } from '../../inventory/liveness/beginning.ts';
import { decide } from '../../inventory/liveness/decision.ts';
import type { FirstFlows } from '../../inventory/liveness/evidence.ts';
import type { Registration } from '../../inventory/liveness/registrations.ts';
import { MINUTE_MS, type SeenSpan } from '../../inventory/liveness/transitions.ts';
import { keyOf, keyText, Liveness, type Transition } from '../../inventory/model/liveness.ts';
import { History } from '../../inventory/snapshot/history.ts';
import type { Knowledge } from '../../inventory/snapshot/knowledge.ts';
import { knowledgeOf } from '../../inventory/snapshot/load.ts';
import { formatAddress, wordsOfRow } from '../../schemas/address.ts';
import { createBatch } from '../../schemas/batch.ts';
import { type ExporterRegistry, exporterRegistryChecker } from '../../schemas/exporters.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import type { LivenessRow } from '../../storage/tables/liveness.ts';
import { createHarnessEnrichment, type HarnessEnrichment } from './enrichment-adapter.ts';
import { CellSums } from './harness.ts';
import type { Datagram } from './scenarios/transit.ts';
import type { SimulatedDocuments } from './simulate.ts';

const ROWS_MAX = 512;
const REPORT_MS = 10_000;
const SPAN_MS_MAX = 3_600_000;
const NEVER_STALE = { inventorySources: [], inventoryStaleMs: 1e12, inventoryUnknownMs: 1e12 };

/** A minute of an exporter, and when it was stored. */
interface StoredMinute {
  readonly exporter: string;
  readonly domain: number;
  readonly protocol: number;
  readonly minuteMs: number;
  readonly lastSeenMs: number;
  readonly records: number;
  readonly datagrams: number;
  readonly undecoded: number;
  readonly storedMs: number;
}

interface ClosedBatch {
  readonly batch: FlowBatch;
  readonly closedMs: number;
}

/** The decoder with its batches and the minutes it reports. */
export class SimulatedCollector implements Output {
  batch: DecodedBatch = emptyBatch();
  readonly batches: ClosedBatch[] = [];
  readonly minutes: StoredMinute[] = [];
  readonly #decoder = new Decoder(this, { templatesMax: 4096, exportersMax: 1024 });
  readonly #lagOf: (exporter: string, atMs: number) => number;
  #reportedMs = 0;
  #nowMs = 0;

  /** `lagOf`: how much later the minutes of an exporter are stored. */
  constructor(lagOf: (exporter: string, atMs: number) => number) {
    this.#lagOf = lagOf;
  }

  take({ payload, address, port, receivedMs }: Datagram): void {
    this.advance(receivedMs);
    this.#decoder.decode(payload, address, port, receivedMs);
  }

  advance(nowMs: number): void {
    if (this.#reportedMs === 0) this.#reportedMs = Math.floor(nowMs / REPORT_MS) * REPORT_MS;
    while (nowMs - this.#reportedMs >= REPORT_MS) {
      this.#reportedMs += REPORT_MS;
      this.#nowMs = this.#reportedMs;
      this.#report();
      this.flush();
    }
    this.#nowMs = nowMs;
  }

  flush(): void {
    const batch = this.batch as unknown as FlowBatch;
    if (batch.rows > 0) this.batches.push({ batch, closedMs: this.#nowMs });
    this.batch = emptyBatch();
  }

  #report(): void {
    const report = exporterReport(this.#decoder.exporters.domains());
    if (!report) return;
    const { columns } = report;
    for (let row = 0; row < report.rows; row++) {
      const exporter = formatAddress(wordsOfRow(columns.exporter, row));
      this.minutes.push({
        exporter,
        domain: columns.observationDomain[row]!,
        protocol: columns.protocol[row]!,
        minuteMs: timeAt(columns.minute, row),
        lastSeenMs: timeAt(columns.lastSeen, row),
        records: timeAt(columns.records, row),
        datagrams: timeAt(columns.datagrams, row),
        undecoded: timeAt(columns.malformedSets, row) + timeAt(columns.unknownTemplateSets, row),
        storedMs: this.#nowMs + this.#lagOf(exporter, this.#nowMs),
      });
    }
  }
}

function emptyBatch(): DecodedBatch {
  return createBatch(FLOW_COLUMNS, ROWS_MAX) as unknown as DecodedBatch;
}

/** Decisions as they are recorded, and the rows that are written. */
export class SimulatedJudge {
  readonly written: { readonly row: LivenessRow; readonly decidedMs: number }[] = [];
  readonly #registrations: readonly Registration[];
  readonly #minutes: readonly StoredMinute[];
  readonly #fromMs: number;
  readonly #firstFlows: FirstFlows;

  constructor(registrations: readonly Registration[], collector: SimulatedCollector, fromMs: number) {
    this.#registrations = registrations;
    this.#minutes = collector.minutes;
    this.#fromMs = fromMs;
    this.#firstFlows = firstFlowsOf(collector);
  }

  decide(nowMs: number): void {
    const activity = activityOf(this.#minutes.filter(({ storedMs }) => storedMs <= nowMs));
    const receiving: number[] = [];
    for (let ms = this.#fromMs; ms + MINUTE_MS <= nowMs - REPORT_MS; ms += MINUTE_MS) receiving.push(ms);
    const known = {
      fromMs: this.#fromMs,
      activity: Map.groupBy(activity, ({ exporter }) => exporter),
      recorded: Map.groupBy(this.recordedAt(nowMs), keyText),
    };
    const liveMs = liveSince(this.#registrations, known, SPAN_MS_MAX);
    const evidence = { ...known, nowMs, receiving, liveMs, firstFlows: this.#firstFlows };
    for (const registration of this.#registrations) {
      if (registration.sinceMs > nowMs) continue;
      const rows = decide(registration, evidence, { spanMsMax: SPAN_MS_MAX, speed: 1 }, () => true);
      for (const row of rows) this.written.push({ row, decidedMs: nowMs });
    }
  }

  /** What was recorded up to a moment, ascending. */
  recordedAt(ms: number): LivenessRow[] {
    const rows = new Map<string, LivenessRow>();
    for (const { row, decidedMs } of this.written) if (decidedMs <= ms) rows.set(`${keyText(row)} ${row.atMs}`, row);
    return [...rows.values()].filter(({ state }) => state !== 'void').sort((a, b) => a.atMs - b.atMs);
  }
}

/** As SQL finds them in the stored flows (inventory/liveness/beginning.ts). */
function firstFlowsOf({ batches }: SimulatedCollector): FirstFlows {
  const earliest = new Map<string, number>();
  for (const { batch } of batches) {
    const { columns, rows } = batch;
    for (let row = 0; row < rows; row++) {
      const exporter = formatAddress(wordsOfRow(columns.exporter, row));
      const minuteMs = Math.floor(timeAt(columns.receivedAt, row) / MINUTE_MS) * MINUTE_MS;
      const name = `${exporter} ${columns.observationDomain[row]} ${minuteMs}`;
      earliest.set(name, Math.min(earliest.get(name) ?? Number.POSITIVE_INFINITY, timeAt(columns.flowStart, row)));
    }
  }
  return ({ exporter, domain }, minuteMs) => earliest.get(`${exporter} ${domain} ${minuteMs}`);
}

/** As SQL makes them of the stored minutes (inventory/liveness/activity.ts). */
function activityOf(minutes: readonly StoredMinute[]): Activity[] {
  return [...Map.groupBy(minutes, keyText).values()].map(rows => {
    const { exporter, domain, protocol } = rows[0]!;
    const spans: SeenSpan[] = [];
    const byMinute = [...Map.groupBy(rows, row => row.minuteMs)].sort(([a], [b]) => a - b);
    for (const [minuteMs, parts] of byMinute) {
      const sum = (of: (part: StoredMinute) => number) => parts.reduce((total, part) => total + of(part), 0);
      const [records, undecoded] = [sum(part => part.records), sum(part => part.undecoded)];
      if (records === 0 && (undecoded > 0 || sum(part => part.datagrams) === 0)) continue;
      const end = {
        lastMs: minuteMs,
        lastSeenMs: Math.max(...parts.map(part => part.lastSeenMs)),
        isLastMixed: undecoded > 0,
      };
      const last = spans.at(-1);
      const recordsMs = records > 0 ? minuteMs : undefined;
      if (last && last.lastMs + MINUTE_MS === minuteMs)
        spans[spans.length - 1] = { ...last, ...end, recordsMs: last.recordsMs ?? recordsMs };
      else spans.push({ firstMs: minuteMs, recordsMs, ...end });
    }
    return { exporter, domain, protocol, spans };
  });
}

/** An enricher whose knowledge of who is silent can be replaced. */
export class SimulatedEnricher {
  readonly names: HarnessEnrichment;
  readonly #history = new History(NEVER_STALE);
  readonly #documents: SimulatedDocuments;
  #knowledge: Knowledge;

  constructor(documents: SimulatedDocuments, registries: readonly ExporterRegistry[]) {
    this.#documents = documents;
    for (const { inventory } of documents.inventories) this.#history.putInventory(inventory);
    for (const registry of registries) this.#history.putRegistry(registry);
    this.#knowledge = knowledgeOf(this.#history, documents.applications);
    const current = () => this.#knowledge;
    this.names = createHarnessEnrichment(documents, {
      get starts() {
        return current().starts;
      },
      get asOfs() {
        return current().asOfs;
      },
      snapshotAt: epoch => current().snapshotAt(epoch),
    });
  }

  enrich(batch: FlowBatch, recorded: readonly LivenessRow[]): void {
    this.#history.useLiveness(new Liveness(recorded as readonly Transition[]));
    this.#knowledge = knowledgeOf(this.#history, this.#documents.applications);
    this.names.enrich(batch);
  }
}

/** Names that either of several has announced. */
export function sumsOf(batches: readonly FlowBatch[], enrichers: readonly SimulatedEnricher[]): Record<string, number> {
  const nameOf = (column: Uint32Array, row: number) =>
    enrichers.map(({ names }) => names.nameOf(column, row)).find(name => name !== 'never announced') ?? '';
  const sums = new CellSums({ nameOf });
  for (const batch of batches) sums.take(batch);
  const { cells } = sums.finish();
  return Object.fromEntries([...cells].map(([name, { bytes }]) => [name, bytes] as const).sort());
}

/** Whether a batch holds a flow that began in one of the spans. */
export function touches({ columns, rows }: FlowBatch, spans: readonly LivenessRow[]): boolean {
  for (let row = 0; row < rows; row++) {
    const startMs = timeAt(columns.flowStart, row);
    if (spans.some(({ changedFromMs, changedUntilMs }) => startMs >= changedFromMs && startMs < changedUntilMs))
      return true;
  }
  return false;
}

export function registrationsOf(registry: ExporterRegistry, sinceOf: (name: string) => number): Registration[] {
  return registry.exporters.map(entry => ({ key: keyOf(entry), entry, sinceMs: sinceOf(entry.name ?? '') }));
}

/** The registry with what a test states otherwise. */
export function registryWith(given: object): ExporterRegistry {
  return exporterRegistryChecker.check('exporter registry', given);
}
