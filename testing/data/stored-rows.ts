// Flow records for tests of questions: written as objects, encoded as the enricher would.

import { parseAddress, swap32 } from '../../schemas/address.ts';
import { encodeArrow } from '../../schemas/arrow.ts';
import { arrayOf, type Batch, createBatch } from '../../schemas/batch.ts';
import { COUNT_REASON, PROTOCOL } from '../../schemas/codes.ts';
import { COLLECTOR_COLUMNS } from '../../schemas/collector-minute.ts';
import { type Column, KINDS } from '../../schemas/columns.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import { FLOW_COLUMNS, type FlowColumnName } from '../../schemas/flow.ts';
import { hashedKey, type Key, keyToBigint, type NodeClass } from '../../schemas/keys.ts';

export type FlowObject = Partial<Record<FlowColumnName, number | bigint | string>>;
export type ExporterObject = Partial<Record<(typeof EXPORTER_COLUMNS)[number]['name'], number | bigint | string>>;

/** An elected, unsampled record of `bytes` bytes unless stated otherwise. */
export function flow(fields: FlowObject): FlowObject {
  const start = fields.flowStart ?? fields.flowEnd ?? 0;
  const end = fields.flowEnd ?? start;
  const bytes = fields.bytes ?? 0;
  const packets = fields.packets ?? 1;
  return {
    receivedAt: end,
    flowStart: start,
    flowEnd: end,
    exporter: '192.0.2.1',
    protocol: PROTOCOL.ipfix,
    inIf: 1,
    samplingRate: 1,
    packets,
    etherType: 0x0800,
    proto: 6,
    weight: 1,
    countReason: COUNT_REASON.elected,
    estBytes: bytes,
    estPackets: packets,
    ...fields,
  };
}

export function encodeFlows(flows: readonly FlowObject[]): Uint8Array {
  return encode(FLOW_COLUMNS, flows);
}

export function encodeExporters(rows: readonly ExporterObject[]): Uint8Array {
  return encode(EXPORTER_COLUMNS, rows);
}

/** Minutes in which a collector was receiving without a gap from one moment to another. */
export function encodeReceiving(
  fromMs: number,
  untilMs: number,
  counters: Partial<Record<(typeof COLLECTOR_COLUMNS)[number]['name'], number>> = {},
): Uint8Array {
  const rows = [];
  for (let atMs = fromMs; rows.length === 0 || atMs < untilMs; ) {
    const minute = Math.floor(atMs / 60_000) * 60_000;
    const endMs = Math.min(untilMs, minute + 60_000);
    rows.push({ minute, receivingFrom: atMs, receivingUntil: endMs, receivingMs: endMs - atMs, ...counters });
    atMs = endMs;
  }
  return encode(COLLECTOR_COLUMNS, rows);
}

export function node(nodeClass: NodeClass, name: string): { key: bigint; name: string; identity: string } {
  return { key: keyToBigint(hashedKey(nodeClass, name)), name, identity: `${nodeClass} ${name}` };
}

export function big(key: Key): bigint {
  return keyToBigint(key);
}

function encode(
  list: readonly Column[],
  rows: readonly Readonly<Record<string, number | bigint | string>>[],
): Uint8Array {
  const batch = createBatch(list, rows.length);
  batch.rows = rows.length;
  const byName = new Map(list.map(column => [column.name, column]));
  rows.forEach((row, i) => {
    // A row has a few of the columns.
    for (const name in row) {
      const value = row[name];
      if (value !== undefined) write(batch, byName.get(name)!, i, value);
    }
  });
  return encodeArrow(batch);
}

function write(batch: Batch<readonly Column[]>, column: Column, row: number, value: number | bigint | string): void {
  const array = arrayOf(batch, column.name);
  const words = KINDS[column.kind].wordsPerRow;
  if (column.kind === 'address') {
    const address = parseAddress(String(value));
    if (!address) throw new Error(`${column.name}: "${value}" is no address`);
    for (let i = 0; i < 4; i++) array[row * 4 + i] = swap32(address[i]!);
  } else if (words === 2 && typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
    array[row * 2] = Math.floor(value);
    array[row * 2 + 1] = Math.floor(value / 2 ** 32);
  } else if (words === 2) {
    const whole = BigInt(typeof value === 'number' ? Math.floor(value) : value);
    array[row * 2] = Number(whole & 0xffffffffn);
    array[row * 2 + 1] = Number(whole >> 32n);
  } else {
    array[row] = Number(value);
  }
}
