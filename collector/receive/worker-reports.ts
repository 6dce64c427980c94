// What a receive worker hands over beside flows: the health of exporters, facts, the minutes of interfaces, and until when
// everything that it received is handed over.

import type { Counters } from '../../service/counters.ts';
import type { Decoder } from '../decode/decoder.ts';
import type { KeptRecord } from '../decode/exporters/sequence-record.ts';
import { exporterReport, isActive } from '../reports/exporter-report.ts';
import { FactTable } from '../reports/fact-table.ts';
import { InterfaceTable } from '../reports/interface-table.ts';
import type { WORKER_COUNTERS } from '../threads/counters.ts';
import type { ContinuedTotals } from './continued-totals.ts';
import type { EncoderPort } from './encoder-port.ts';
import type { OpenBatch } from './open-batch.ts';

/** How often the health of exporters is reported. */
const REPORT_INTERVAL_MS = 10_000;
const MINUTE_MS = 60_000;
/** A thread that was held up for longer, with its process or its machine, was not receiving meanwhile. */
const HELD_UP_MS = 10_000;

export class WorkerReports {
  readonly #decoder: Decoder;
  readonly #encoder: EncoderPort;
  readonly #open: OpenBatch;
  readonly #facts = new FactTable();
  readonly #interfaces = new InterfaceTable();
  readonly #counters: Counters<typeof WORKER_COUNTERS>;
  #reportedAtMs: number;
  #receivingFromMs = 0;
  #isReceivedDue = false;
  /** By the wall clock. */
  #sentAtMs = 0;

  constructor(
    decoder: Decoder,
    encoder: EncoderPort,
    open: OpenBatch,
    { counters, nowMs }: { readonly counters: Counters<typeof WORKER_COUNTERS>; readonly nowMs: number },
  ) {
    this.#counters = counters;
    this.#decoder = decoder;
    this.#encoder = encoder;
    this.#open = open;
    this.#reportedAtMs = nowMs;
    decoder.context.facts = this.#facts;
    decoder.context.sflow.interfaces = this.#interfaces;
  }

  /** The worker listens. */
  begin(nowMs: number): void {
    this.#receivingFromMs = nowMs;
    this.#sentAtMs = Date.now();
    this.#sendReceived(nowMs);
  }

  /** Hands over what is due. */
  send(nowMs: number): void {
    this.#noteHoldUp(nowMs);
    const isOtherMinute = Math.floor(nowMs / MINUTE_MS) !== Math.floor(this.#reportedAtMs / MINUTE_MS);
    if (nowMs - this.#reportedAtMs >= REPORT_INTERVAL_MS || isOtherMinute) {
      this.#sendExporters(nowMs);
      this.#isReceivedDue = true;
    }
    this.#sendFacts(nowMs);
    this.#sendInterfaces(nowMs);
    if (this.#isReceivedDue) this.#sendReceived(nowMs);
  }

  publish(counters: Counters<typeof WORKER_COUNTERS>, totals: ContinuedTotals): void {
    counters.set('facts', this.#facts.size);
    totals.set('factsRefused', this.#facts.refused);
    counters.set('interfaces', this.#interfaces.size);
    totals.set('interfacesRefused', this.#interfaces.refused);
    totals.set('interfacesAnew', this.#interfaces.anew);
    counters.set('exporters', this.#decoder.exporters.size);
    totals.set('exportersEvicted', this.#decoder.exporters.evicted);
    totals.set('exportersRefused', this.#decoder.exporters.refused);
    const { table } = this.#decoder.context.templated.totals;
    counters.set('totalFlows', table.size);
    totals.set('totalFlowsEvicted', table.evicted);
    totals.set('sequencesCounted', this.#decoder.exporters.sequences.resumed.counted);
    totals.set('sequencesUnknown', this.#decoder.exporters.sequences.resumed.unknown);
  }

  /** Hands over everything. */
  finish(nowMs: number): void {
    this.#sendExporters(nowMs);
    while (this.#sendFacts(Number.POSITIVE_INFINITY));
    while (this.#sendInterfaces(Number.POSITIVE_INFINITY));
    this.#sendReceived(nowMs, true);
  }

  #noteHoldUp(nowMs: number): void {
    const wallMs = Date.now();
    if (wallMs - this.#sentAtMs > HELD_UP_MS) this.#receivingFromMs = nowMs;
    this.#sentAtMs = wallMs;
  }

  /** While no buffer is free for the open batch, its records are not handed over, and this waits. */
  #sendReceived(nowMs: number, isStopped = false): void {
    this.#open.flushEarly();
    if (this.#open.batch.rows > 0) return;
    this.#isReceivedDue = false;
    const counters = this.#counters;
    this.#encoder.sendReceived({
      fromMs: this.#receivingFromMs,
      untilMs: nowMs,
      datagrams: counters.get('datagrams'),
      records: counters.get('records'),
      droppedRecords: counters.get('rowsDropped') + counters.get('rowsLost'),
      isStopped,
    });
  }

  /** Counters that an earlier process had not reported. */
  sendUnreported(records: readonly KeptRecord[]): void {
    const batch = exporterReport(records);
    if (batch) this.#encoder.send('exporters', batch);
  }

  /** The records that the report counts leave before it: what is kept of a domain then fits both. */
  #sendExporters(nowMs: number): void {
    this.#reportedAtMs = nowMs;
    const { exporters } = this.#decoder;
    const active = [...exporters.domains()].filter(isActive);
    if (active.length === 0) return;
    this.#open.flushEarly();
    for (const domain of active) exporters.sequences.touch(domain);
    this.#encoder.send('exporters', exporterReport(active)!);
  }

  /** Returns whether there were any. */
  #sendFacts(nowMs: number): boolean {
    const rows = this.#facts.take(nowMs);
    if (rows.length > 0) this.#encoder.sendFacts(rows);
    return rows.length > 0;
  }

  /** Hands over the minutes that ended before this; returns whether there were any. */
  #sendInterfaces(beforeMs: number): boolean {
    const batch = this.#interfaces.take(beforeMs);
    if (batch) this.#encoder.send('interfaces', batch);
    return batch !== undefined;
  }
}
