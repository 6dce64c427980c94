// One decoder: datagrams in, rows of columns and counters out. The protocol follows from the version word, whatever the
// port. A decoder belongs to one thread; it reads no clock and opens nothing.

import { parseAddress, swap32 } from '../../schemas/address.ts';
import { PROTOCOL } from '../../schemas/codes.ts';
import { type DatagramProtocol, PROTOCOL_ROWS, protocolRow } from '../../schemas/protocols.ts';
import { DatagramContext, type Limits, type Output } from './context.ts';
import type { Domain } from './exporters/domain.ts';
import { ExporterTable } from './exporters/exporters.ts';
import type { Session } from './exporters/session.ts';
import type { Change, Knowledge } from './exporters/template-store.ts';
import { FAULT } from './faults.ts';
import { decodeNetflow1 } from './fixed/netflow1.ts';
import { decodeNetflow5 } from './fixed/netflow5.ts';
import { decodeNetflow6 } from './fixed/netflow6.ts';
import { decodeNetflow7 } from './fixed/netflow7.ts';
import { decodeNetflow8 } from './fixed/netflow8.ts';
import { decodeMirrored, type MirrorCarrier } from './mirror.ts';
import { decodeSflow } from './sflow/datagram.ts';
import { decodeIpfix } from './templated/ipfix.ts';
import { decodeNetflow9 } from './templated/netflow9.ts';
import { decodeRecords } from './templated/sets.ts';
import { wakePending } from './templated/template-set.ts';

/** The largest payload UDP can carry over IPv4. */
export const DATAGRAM_BYTES_MAX = 65535;

type Decode = (context: DatagramContext, exporters: ExporterTable, session: Session) => Domain | undefined;

const DECODERS: Readonly<Record<DatagramProtocol, Decode>> = {
  netflow1: decodeNetflow1,
  netflow5: decodeNetflow5,
  netflow6: decodeNetflow6,
  netflow7: decodeNetflow7,
  netflow8: decodeNetflow8,
  netflow9: decodeNetflow9,
  ipfix: decodeIpfix,
  sflow2: decodeSflow,
  sflow4: decodeSflow,
  sflow5: decodeSflow,
};
const BY_CODE = PROTOCOL_ROWS.map(row => ('opens' in row ? DECODERS[row.name] : undefined));

const VERSION_MAX = 15;
const VERSIONS = codesByVersion(4);
const WIDE_VERSIONS = codesByVersion(8);

/** Code of a protocol by its version, where the version has this many hexadecimal digits. */
function codesByVersion(digits: number): Uint8Array {
  const codes = new Uint8Array(VERSION_MAX + 1);
  PROTOCOL_ROWS.forEach((row, code) => {
    if ('opens' in row && row.opens.length === digits) codes[Number.parseInt(row.opens, 16)] = code;
  });
  return codes;
}

export class Decoder {
  readonly context: DatagramContext;
  readonly exporters: ExporterTable;

  /** `knowledge` is what outlives this decoder: a restart, or the move of an exporter to another thread. */
  constructor(output: Output, limits: Limits, faults?: Float64Array, knowledge?: Knowledge) {
    this.context = new DatagramContext(output, limits, faults);
    this.context.templated.knowledge = knowledge;
    this.exporters = new ExporterTable(limits.exportersMax, this.context.templated.pending, knowledge, limits);
  }

  /**
   * Decodes one datagram that came from `address` (text) and `port`; returns the number of flow records, those that had
   * waited for a template of this datagram among them. A message of a connection has a port beyond those of UDP.
   */
  decode(datagram: Uint8Array, address: string, port: number, receivedAtMs: number): number {
    const { context, exporters } = this;
    const length = this.#take(datagram, receivedAtMs);
    if (length < 4) {
      context.fault(FAULT['too-short']);
      return 0;
    }
    const protocol = protocolOf(context.view);
    if (protocol === PROTOCOL.unknown) {
      context.fault(FAULT['unknown-version']);
      return 0;
    }
    const session = exporters.session(address, port, receivedAtMs, addressColumnWords);
    if (!session.admitted && protocolRow(protocol).templates) {
      context.protocol = protocol;
      context.fault(FAULT['exporter-limit']);
      return 0;
    }
    context.exporter.set(session.address);
    const domain = BY_CODE[protocol]!(context, exporters, session);
    if (!domain) return context.records;
    domain.seen(length, receivedAtMs);
    exporters.sequences.touch(domain);
    let { records } = context;
    if (records > 0) exporters.prove(session, domain, receivedAtMs);
    if (!domain.listed) {
      context.fault(FAULT['exporter-limit']);
      domain.sflow?.release();
    }
    if (domain.hasRival && exporters.retryTakeOver(session, domain, receivedAtMs)) wakePending(context, domain);
    if (context.templated.pending.hasReady) records += this.#decodeReady(receivedAtMs);
    return records;
  }

  /**
   * Decodes one mirrored frame that came from `address` in `carrier`: the payload of IP protocol 47 or of a UDP datagram to
   * a port for mirrors. Returns 1, or 0 when it carries none.
   */
  decodeMirrored(
    carried: Uint8Array,
    address: string,
    receivedAtMs: number,
    carrier: MirrorCarrier,
    rate: number,
  ): number {
    const { context, exporters } = this;
    const length = this.#take(carried, receivedAtMs);
    // The source port of VXLAN differs from flow to flow.
    const session = exporters.session(address, 0, receivedAtMs, addressColumnWords);
    context.exporter.set(session.address);
    const domain = decodeMirrored(context, exporters, session, carrier, rate);
    if (!domain) return 0;
    domain.seen(length, receivedAtMs);
    exporters.sequences.touch(domain);
    if (context.records > 0) exporters.prove(session, domain, receivedAtMs);
    return context.records;
  }

  /** Copies what was received to where it is decoded; returns its length. */
  #take(received: Uint8Array, receivedAtMs: number): number {
    const { context } = this;
    const length = Math.min(received.length, DATAGRAM_BYTES_MAX);
    context.bytes.set(length < received.length ? received.subarray(0, length) : received);
    context.length = length;
    context.receivedAtMs = receivedAtMs;
    context.records = 0;
    context.steps = 0;
    context.protocol = PROTOCOL.unknown;
    return length;
  }

  /** Takes over what another decoder has learned; returns the number of records that had waited for it. */
  learn(changes: readonly Change[], nowMs: number): number {
    const { context, exporters } = this;
    for (const change of changes) {
      if (!context.templated.knowledge?.store.apply(change)) continue;
      const domain = exporters.learn(change);
      if (!domain || domain.pendingSets === 0) continue;
      context.receivedAtMs = nowMs;
      wakePending(context, domain);
    }
    return this.#decodeReady(nowMs);
  }

  /** Forgets what is out of date; to be called every few minutes. */
  expire(nowMs: number): void {
    this.exporters.expire(nowMs);
  }

  /** Sets that waited for their template, each as if it had come with it just now but for the times of its datagram. */
  #decodeReady(nowMs: number): number {
    const { context } = this;
    let records = 0;
    for (const { domain, template, sets } of context.templated.pending.takeReady()) {
      context.protocol = domain.protocol;
      context.exporter.set(domain.exporter);
      for (const { bytes, receivedAtMs, exportMs, uptimeMs } of sets) {
        context.bytes.set(bytes);
        context.length = bytes.length;
        context.receivedAtMs = receivedAtMs;
        context.exportMs = exportMs;
        // What IPFIX counts uptimes from may have arrived while they waited.
        context.uptimeMs = domain.protocol === PROTOCOL.ipfix ? (exportMs - domain.systemInitMs) >>> 0 : uptimeMs;
        context.records = 0;
        context.steps = 0;
        decodeRecords(context, domain, template, 0, bytes.length);
        records += context.records;
      }
      template.usedMs = nowMs;
    }
    return records;
  }
}

/** Code of the protocol whose version opens the datagram: 16 bits, or 32 for sFlow. */
function protocolOf(view: DataView): number {
  const word = view.getUint16(0);
  const version = word === 0 ? view.getUint16(2) : word;
  return version > VERSION_MAX ? PROTOCOL.unknown : (word === 0 ? WIDE_VERSIONS : VERSIONS)[version]!;
}

/** An address as the four words of its column; what is no address (a UNIX path, say) is ::. */
export function addressColumnWords(text: string): Uint32Array {
  return Uint32Array.from(parseAddress(text.split('%')[0]!) ?? [0, 0, 0, 0], swap32);
}
