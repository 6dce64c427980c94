// From a datagram to decoded rows: counts it, admits its source, stamps the time and decodes.

import type { Clock } from '../../service/clock.ts';
import type { Counters } from '../../service/counters.ts';
import { createLog } from '../../service/log.ts';
import type { CollectorConfiguration } from '../configuration.ts';
import type { Decoder } from '../decode/decoder.ts';
import type { Change } from '../decode/exporters/template-store.ts';
import { createAddressLog } from '../gate/address-log.ts';
import { ADMITTED, createSourceGate, NOT_ALLOWED, type SourceGate } from '../gate/source-gate.ts';
import type { WORKER_COUNTERS } from '../threads/counters.ts';
import type { OpenBatch } from './open-batch.ts';

export class Receiver {
  /** Who may export, and how much; undefined when every source may send everything. */
  readonly gate: SourceGate | undefined;
  /** Datagrams are stamped with it, and all that is compared with them; batches and stops go by the wall clock. */
  readonly clock: Clock;
  readonly #decoder: Decoder;
  readonly #open: OpenBatch;
  readonly #counters: Counters<typeof WORKER_COUNTERS>;
  readonly #refusals: ReturnType<typeof createAddressLog>;
  readonly #mirrorRate: number;
  // Counted in shared memory at once: a worker that replaces a crashed one continues its figures, and the main thread
  // sees what was in its open batch.
  readonly #values: Float64Array;
  readonly #datagrams: number;
  readonly #bytes: number;
  readonly #records: number;
  /** Wall clock time of the last datagram or message. */
  lastDatagramMs = 0;

  constructor(
    configuration: CollectorConfiguration,
    clock: Clock,
    decoder: Decoder,
    open: OpenBatch,
    counters: Counters<typeof WORKER_COUNTERS>,
  ) {
    this.gate = createSourceGate(configuration);
    this.clock = clock;
    this.#refusals = createAddressLog(createLog('collector', configuration.logLevel));
    this.#mirrorRate = configuration.mirrorRate;
    this.#decoder = decoder;
    this.#open = open;
    this.#counters = counters;
    this.#values = counters.values;
    this.#datagrams = counters.slot('datagrams');
    this.#bytes = counters.slot('bytes');
    this.#records = counters.slot('records');
  }

  receive(datagram: Uint8Array, address: string, port: number): void {
    this.#values[this.#datagrams]! += 1;
    this.#values[this.#bytes]! += datagram.length;
    if (this.#isAdmitted(address)) this.decode(datagram, address, port);
  }

  /** A frame that a switch mirrors in VXLAN. */
  receiveMirrored(datagram: Uint8Array, address: string): void {
    this.#values[this.#datagrams]! += 1;
    this.#values[this.#bytes]! += datagram.length;
    if (!this.#isAdmitted(address)) return;
    const receivedAtMs = this.#receivedAtMs();
    this.#values[this.#records]! += this.#decoder.decodeMirrored(
      datagram,
      address,
      receivedAtMs,
      'vxlan',
      this.#mirrorRate,
    );
  }

  /** A message that is admitted already. */
  decode(message: Uint8Array, address: string, port: number): void {
    this.#values[this.#records]! += this.#decoder.decode(message, address, port, this.#receivedAtMs());
  }

  /** Takes what another worker has learned: data that wait here may have waited for it. */
  learn(changes: readonly Change[]): void {
    this.#open.touch(Date.now());
    this.#values[this.#records]! += this.#decoder.learn(changes, this.clock.nowMs());
  }

  /** False for a datagram that is not to be decoded, which is counted and logged. */
  #isAdmitted(address: string): boolean {
    if (!this.gate) return true;
    const verdict = this.gate.admit(address, Date.now());
    if (verdict === ADMITTED) return true;
    if (verdict === NOT_ALLOWED) {
      this.#counters.add('notAllowed');
      this.#refusals(address, {}, 'datagrams refused: --exporter-allow does not name their source');
    } else {
      this.#counters.add('overRate');
      this.#refusals(
        address,
        {},
        'datagrams refused: their exporter sends more than --exporter-rate-max; raise it to receive all',
      );
    }
    return false;
  }

  #receivedAtMs(): number {
    const nowMs = Date.now();
    this.#open.touch(nowMs);
    this.lastDatagramMs = nowMs;
    return this.clock.nowMs();
  }
}
