// sFlow version 5 (sflow.org, sFlow Version 5, July 2004), and the datagram header that versions 2 and 4 (RFC 3176) share
// with it. All words are 4 bytes, everything is padded to 4.
//
//   datagram:  version | agent address type 1 IPv4, 2 IPv6 | agent address 4 or 16 bytes | sub_agent_id (version 5) |
//              sequence | uptime ms | number of samples
//   sample:    enterprise << 12 | format | length | content (version 5; version4.ts has the others)
//
// flow_sample 1 and flow_sample_expanded 3 become rows, counters_sample 2 and 4 become facts, discarded_packet 5 is no
// traffic and counted, everything else is passed over by its length and counted. A fault costs its sample, never the
// datagram.

import { PROTOCOL } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import type { ExporterTable } from '../exporters/exporters.ts';
import type { Session } from '../exporters/session.ts';
import { FAULT } from '../faults.ts';
import { MAPPED_WORD } from '../kernels.ts';
import { SflowAgent } from './agent.ts';
import { decodeCountersSample, decodeDiscardedPacket } from './counters-sample.ts';
import { COMPACT, decodeFlowSample, EXPANDED, stampSamples } from './flow-sample.ts';
import { nextStructure, walkSteps } from './structure-walk.ts';
import { decodeSamples4 } from './version4.ts';

const ADDRESS_IPV4 = 1;
const ADDRESS_IPV6 = 2;

const FLOW_SAMPLE = 1;
const COUNTERS_SAMPLE = 2;
const FLOW_SAMPLE_EXPANDED = 3;
const COUNTERS_SAMPLE_EXPANDED = 4;
const DISCARDED_PACKET = 5;

const address = new Uint32Array(4);

/** Decodes a datagram of version 2, 4 or 5. */
export function decodeSflow(context: DatagramContext, exporters: ExporterTable, session: Session): Domain | undefined {
  const { view, length } = context;
  const version = view.getUint32(0);
  const is5 = version === 5;
  context.protocol = is5 ? PROTOCOL.sflow5 : version === 4 ? PROTOCOL.sflow4 : PROTOCOL.sflow2;
  const headBytes = is5 ? 28 : 24;
  if (length < headBytes) {
    context.fault(FAULT['too-short']);
    return undefined;
  }
  const family = view.getUint32(4);
  if ((family !== ADDRESS_IPV4 && family !== ADDRESS_IPV6) || (family === ADDRESS_IPV6 && length < headBytes + 12)) {
    context.fault(FAULT['address-family']);
    return undefined;
  }
  readAddress(view, family);
  let offset = family === ADDRESS_IPV4 ? 12 : 24;
  let subAgent = 0;
  if (is5) {
    subAgent = view.getUint32(offset);
    offset += 4;
  }
  const sequence = view.getUint32(offset);
  const { agents } = exporters;
  const domain = agents.find(session, address, context.protocol, subAgent, sequence, context.receivedAtMs);
  context.exporter.set(domain.exporter);
  context.uptimeMs = view.getUint32(offset + 4);
  domain.sflow ??= new SflowAgent(context.sflow.sampleSources);
  agents.measure(domain, sequence, context.uptimeMs);
  const samples = view.getUint32(offset + 8);
  context.sflow.firstRow = context.output.batch.rows;
  if (is5) decodeSamples(context, domain, domain.sflow, samples, offset + 12);
  else decodeSamples4(context, domain, domain.sflow, samples, offset + 12);
  domain.sflow.endRun(context);
  stampSamples(context, domain);
  // An agent for which there is no room is known for this datagram only.
  if (!domain.listed) domain.sflow.release();
  return domain;
}

function readAddress(view: DataView, family: number): void {
  const isV6 = family === ADDRESS_IPV6;
  for (let i = 0; i < 4; i++) address[i] = isV6 ? view.getUint32(8 + 4 * i, true) : 0;
  if (isV6) return;
  address[2] = MAPPED_WORD;
  address[3] = view.getUint32(8, true);
}

function decodeSamples(
  context: DatagramContext,
  domain: Domain,
  agent: SflowAgent,
  samples: number,
  first: number,
): void {
  const { view, length } = context;
  if (!context.mayTake(walkSteps(samples, length - first), domain)) return;
  let offset = first;
  for (let i = 0; i < samples; i++) {
    if (offset + 8 > length) {
      context.fault(FAULT['sample-malformed'], domain);
      return;
    }
    const type = view.getUint32(offset);
    const bytes = view.getUint32(offset + 4);
    const start = offset + 8;
    if (bytes > length - start) {
      context.fault(FAULT['sample-malformed'], domain);
      return;
    }
    const end = start + bytes;
    switch (type) {
      case FLOW_SAMPLE:
        if (!decodeFlowSample(context, domain, agent, COMPACT, start, end)) return;
        break;
      case FLOW_SAMPLE_EXPANDED:
        if (!decodeFlowSample(context, domain, agent, EXPANDED, start, end)) return;
        break;
      case COUNTERS_SAMPLE:
        if (!decodeCountersSample(context, domain, false, start, end)) return;
        break;
      case COUNTERS_SAMPLE_EXPANDED:
        if (!decodeCountersSample(context, domain, true, start, end)) return;
        break;
      case DISCARDED_PACKET:
        if (!decodeDiscardedPacket(context, domain, start, end)) return;
        break;
      default:
        context.fault(FAULT['sample-unknown']);
    }
    offset = nextStructure(view, start, bytes, length);
  }
}
