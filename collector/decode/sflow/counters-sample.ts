// Counters samples describe the agent's surroundings, and discarded packets of what did not become traffic.
//
//   counters_sample 2:          sequence | source_id class 1 byte, index 3 | number of records
//   counters_sample_expanded 4: sequence | class | index | number of records
//   discarded_packet 5:         sequence | class | index | drops | input | output | reason | number of records
//   if_counters 1:              ifIndex | ifType | ifSpeed 8 bytes | ifDirection | ifStatus | ifInOctets 8 bytes | in: unicast,
//                               multicast, broadcast packets, discards, errors, unknown protocols | ifOutOctets 8 bytes |
//                               out: unicast, multicast, broadcast packets, discards, errors | promiscuous mode
//   port_name 1005:             string, the name of the interface that is the data source
//   host_descr 2000:            hostname string | UUID 16 bytes | machine type | OS name | OS release string
//   host_adapters 2001:         number | of each: ifIndex | number of MACs | MAC 6 bytes, padded to 8
//   host_parent 2002:           class and index of the data source that runs this one
//   virt_cpu, virt_memory, virt_disk_io, virt_net_io 2101 to 2104: counters that only a virtual machine has
//
// Records come in any order, so a sample is read to its end before anything is reported.

import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { cleanName, type Fact } from '../facts.ts';
import { FAULT } from '../faults.ts';
import { UNKNOWN_32 } from '../interface-counters.ts';
import { sourceKey } from './agent.ts';
import { nextStructure, walkSteps } from './structure-walk.ts';

const IF_COUNTERS = 1;
const PORT_NAME = 1005;
const HOST_DESCR = 2000;
const HOST_ADAPTERS = 2001;
const HOST_PARENT = 2002;
const VIRT_CPU = 2101;
const VIRT_NET_IO = 2104;

const CLASS_INTERFACE = 0;
/** A logical entity: a virtual machine, a container. */
const CLASS_LOGICAL = 3;

const DISCARDED_HEAD_BYTES = 32;
/** The promiscuous mode behind it is not read: some agents leave it out. */
const IF_COUNTERS_BYTES_MIN = 84;

/** Where the records of interest of one sample are, 0 not there. */
interface Found {
  interfaceCounters: number;
  interfaceCountersEnd: number;
  portName: number;
  portNameEnd: number;
  descr: number;
  descrEnd: number;
  adapters: number;
  adaptersEnd: number;
  parent: number;
  machine: boolean;
}

const found: Found = {
  interfaceCounters: 0,
  interfaceCountersEnd: 0,
  portName: 0,
  portNameEnd: 0,
  descr: 0,
  descrEnd: 0,
  adapters: 0,
  adaptersEnd: 0,
  parent: 0,
  machine: false,
};

/** False when the datagram has used up what it may cost. */
export function decodeCountersSample(
  context: DatagramContext,
  domain: Domain,
  expanded: boolean,
  start: number,
  end: number,
): boolean {
  const { view } = context;
  const records = start + (expanded ? 16 : 12);
  if (records > end) {
    context.fault(FAULT['sample-malformed'], domain);
    return true;
  }
  const count = view.getUint32(records - 4);
  if (!context.mayTake(walkSteps(count, end - records), domain)) return false;
  // What precedes the fault is reported all the same.
  if (!findRecords(view, count, records, end)) context.fault(FAULT['sample-malformed'], domain);
  const id = view.getUint32(start + 4);
  const sourceClass = expanded ? id : id >>> 24;
  const index = expanded ? view.getUint32(start + 8) : id & 0xffffff;
  if (found.interfaceCounters !== 0)
    reportCounters(context, domain, sourceKey(sourceClass, index), view.getUint32(start));
  if (found.portName !== 0 && sourceClass === CLASS_INTERFACE) reportPortName(context, domain, index);
  if (found.descr === 0 && found.adapters === 0) return true;
  return reportHost(context, domain, sourceClass, index);
}

/** A packet that the device dropped: counted, no traffic. False when the datagram has used up what it may cost. */
export function decodeDiscardedPacket(context: DatagramContext, domain: Domain, start: number, end: number): boolean {
  const { view } = context;
  const records = start + DISCARDED_HEAD_BYTES;
  if (records > end) {
    context.fault(FAULT['sample-malformed'], domain);
    return true;
  }
  const count = view.getUint32(records - 4);
  if (!context.mayTake(walkSteps(count, end - records), domain)) return false;
  if (findRecords(view, count, records, end)) domain.discardedSamples++;
  else context.fault(FAULT['sample-malformed'], domain);
  return true;
}

/** Fills `found`; false when a record does not fit the sample. */
function findRecords(view: DataView, count: number, start: number, end: number): boolean {
  found.interfaceCounters = 0;
  found.portName = 0;
  found.descr = 0;
  found.adapters = 0;
  found.parent = 0;
  found.machine = false;
  let offset = start;
  for (let i = 0; i < count; i++) {
    if (offset + 8 > end) return false;
    const type = view.getUint32(offset);
    const length = view.getUint32(offset + 4);
    const record = offset + 8;
    if (length > end - record) return false;
    if (type === IF_COUNTERS) {
      found.interfaceCounters = record;
      found.interfaceCountersEnd = record + length;
    } else if (type === PORT_NAME) {
      found.portName = record;
      found.portNameEnd = record + length;
    } else if (type === HOST_DESCR) {
      found.descr = record;
      found.descrEnd = record + length;
    } else if (type === HOST_ADAPTERS) {
      found.adapters = record;
      found.adaptersEnd = record + length;
    } else if (type === HOST_PARENT && length >= 8) found.parent = record;
    else if (type >= VIRT_CPU && type <= VIRT_NET_IO) found.machine = true;
    offset = nextStructure(view, record, length, end);
  }
  return true;
}

const NOTHING: Fact = { kind: 'interface', index: 0, macHigh: 0, macLow: 0, stationId: '', name: '', hostId: '' };

function report(context: DatagramContext, domain: Domain, fact: Fact): void {
  context.facts.report(fact, context.exporter, domain.id, context.protocol, context.receivedAtMs);
}

function reportCounters(context: DatagramContext, domain: Domain, source: number, sequence: number): void {
  const { view } = context;
  const { interfaceCounters: at, interfaceCountersEnd } = found;
  if (interfaceCountersEnd - at < IF_COUNTERS_BYTES_MIN) {
    context.fault(FAULT['sample-malformed'], domain);
    return;
  }
  const word = (offset: number) => view.getUint32(at + offset);
  const speed = view.getBigUint64(at + 8);
  const counters = {
    sequence,
    uptimeMs: context.uptimeMs,
    source,
    ifIndex: word(0),
    ifType: word(4),
    // Agents write an unknown speed as 0, as -1 of 32 bits and as -1 of 64.
    speedBps: speed === BigInt(UNKNOWN_32) || speed >= 2n ** 53n ? 0 : Number(speed),
    direction: word(16),
    status: word(20),
    inOctets: view.getBigUint64(at + 24),
    outOctets: view.getBigUint64(at + 56),
    counters: [32, 36, 40, 44, 48, 64, 68, 72, 76, 80].map(word),
  };
  context.sflow.interfaces.report(counters, context.exporter, domain.id, context.protocol, context.receivedAtMs);
}

function reportPortName(context: DatagramContext, domain: Domain, index: number): void {
  const { portName, portNameEnd } = found;
  const length = stringLength(context.view, portName, portNameEnd);
  if (length < 0) {
    context.fault(FAULT['sample-malformed'], domain);
    return;
  }
  const name = cleanName(context.bytes, portName + 4, length);
  if (name !== '' && index !== 0) report(context, domain, { ...NOTHING, kind: 'interface', index, name });
}

/** A host or a guest, a fact for each of its MACs; false when the datagram has used up what it may cost. */
function reportHost(context: DatagramContext, domain: Domain, sourceClass: number, index: number): boolean {
  const { view, bytes } = context;
  const { descr, descrEnd, parent, machine } = found;
  let name = '';
  let id = '';
  if (descr !== 0) {
    const length = stringLength(view, descr, descrEnd);
    const uuid = descr + 4 + length + (-length & 3);
    if (length < 0 || uuid + 16 > descrEnd) context.fault(FAULT['sample-malformed'], domain);
    else {
      name = cleanName(bytes, descr + 4, length);
      id = uuidAt(view, uuid);
    }
  }
  const isStation = parent !== 0 || machine || sourceClass === CLASS_LOGICAL;
  if (!isStation && id !== '') domain.sflow?.rememberHost(sourceKey(sourceClass, index), id);
  const hostKey = parent === 0 ? undefined : sourceKey(view.getUint32(parent), view.getUint32(parent + 4));
  const hostId = hostKey === undefined ? '' : (domain.sflow?.host(hostKey) ?? '');
  return reportAdapters(context, domain, {
    ...NOTHING,
    kind: isStation ? 'station' : 'host',
    stationId: id,
    name,
    hostId,
  });
}

function reportAdapters(context: DatagramContext, domain: Domain, fact: Fact): boolean {
  const { view } = context;
  const { adapters, adaptersEnd } = found;
  let reported = 0;
  let offset = adapters + 4;
  const count = adapters === 0 || offset > adaptersEnd ? 0 : view.getUint32(adapters);
  if (!context.mayTake(walkSteps(count, adaptersEnd - adapters), domain)) return false;
  for (let i = 0; i < count; i++) {
    if (offset + 8 > adaptersEnd) {
      context.fault(FAULT['sample-malformed'], domain);
      break;
    }
    const index = view.getUint32(offset);
    const macs = view.getUint32(offset + 4);
    offset += 8;
    if (macs > (adaptersEnd - offset) / 8) {
      context.fault(FAULT['sample-malformed'], domain);
      break;
    }
    for (let mac = 0; mac < macs; mac++, offset += 8) {
      const macHigh = view.getUint16(offset);
      const macLow = view.getUint32(offset + 2);
      if (macHigh === 0 && macLow === 0) continue;
      report(context, domain, { ...fact, index, macHigh, macLow });
      reported++;
    }
  }
  if (reported === 0 && (fact.name !== '' || fact.stationId !== '')) report(context, domain, fact);
  return true;
}

/** Length of the string at `start`, -1 when it does not fit. */
function stringLength(view: DataView, start: number, end: number): number {
  if (start + 4 > end) return -1;
  const length = view.getUint32(start);
  return length > end - start - 4 ? -1 : length;
}

/** 32 hex digits; empty for the nil UUID, which agents send when they know none. */
function uuidAt(view: DataView, start: number): string {
  let text = '';
  for (let i = 0; i < 16; i += 4)
    text += view
      .getUint32(start + i)
      .toString(16)
      .padStart(8, '0');
  return /^0+$/.test(text) ? '' : text;
}
