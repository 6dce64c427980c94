// What every simulated exporter is given and does. An exporter meters packets that come in by a port of its bridge and
// writes flow records or samples into one datagram after the other; it knows no socket and no clock.

import type { Random } from '../../random.ts';
import type { Bridge, DataCentre } from '../model/data-centre.ts';
import type { FlowTable } from '../model/flow-table.ts';
import type { Conversations } from '../model/traffic.ts';

export interface ExporterContext {
  readonly bridge: Bridge;
  readonly dataCentre: DataCentre;
  readonly conversations: Conversations;
  readonly random: Random;
  /** When the exporter started, a whole second; its uptime counts from here. */
  readonly bootMs: number;
  /** Takes a finished datagram and returns the buffer for the next one: the same, unless that is still in use. */
  readonly send: (datagram: Uint8Array, length: number, records: number) => Uint8Array;
}

export interface FlowExporter {
  /** Meters a flow that came in by `inIf` and left by `outIf`. Times of the flow are exact; `exportMs` is the present. */
  observe(flows: FlowTable, row: number, inIf: number, outIf: number, exportMs: number): void;
  /** Sends what the open datagram holds. */
  flush(exportMs: number): void;
}

/** UDP payload that fits every network without fragments, tunnels included. */
export const DATAGRAM_BYTES_MAX = 1400;
