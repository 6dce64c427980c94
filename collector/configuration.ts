// Keys of the collector, and the schema of `hairpin collector`.

import { hostname } from 'node:os';
import { Type } from 'typebox';
import { parsePrefix } from '../schemas/address.ts';
import type { Fault } from '../schemas/documents.ts';
import { ServiceSchema, type ValuesOf } from '../service/configuration.ts';
import { PROCESS_KEYS, type ProcessConfiguration, processFaults } from '../service/process-keys.ts';
import { BATCH_AGE_KEYS, SPOOL_KEYS } from '../transport/configuration.ts';
import { KAFKA_CLIENT_KEYS, KAFKA_OUTBOX_KEYS, KAFKA_TOPIC_KEYS } from '../transport/kafka/configuration.ts';

const MiB = 1024 * 1024;
const port = { minimum: 1, maximum: 65535 };

/** The machine's name as a collector id: [a-z0-9-], at most 63 characters. */
function defaultCollectorId(): string {
  return (
    hostname()
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .slice(0, 63) || 'collector'
  );
}

export const COLLECTOR_KEYS = {
  udp: Type.Array(Type.Integer(port), {
    default: [2055, 4739, 6343],
    minItems: 1,
    uniqueItems: true,
    maxItems: 64,
    description: 'UDP ports to receive on; every protocol on each, recognised by its version word',
  }),
  mirrorUdp: Type.Array(Type.Integer(port), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'UDP ports to receive frames on that are mirrored in VXLAN, usually 4789; none unless given',
  }),
  mirrorRate: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 0xfffffffe,
    description: 'N where the mirror takes one frame in N; no mirror reports it',
  }),
  udpHost: Type.String({
    default: '::',
    description: 'address the UDP, TCP and TLS ports are bound to; :: is every address, IPv4 too',
  }),
  ipfixTcp: Type.Array(Type.Integer(port), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'TCP ports to receive IPFIX on, usually 4739; none unless given',
  }),
  ipfixTls: Type.Array(Type.Integer(port), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'TCP ports to receive IPFIX over TLS on, usually 4740; none unless given',
  }),
  ipfixTlsCert: Type.String({
    default: '',
    description: 'certificate shown to exporters, with its chain (PEM); read again when it changes',
  }),
  ipfixTlsKey: Type.String({ default: '', description: 'its private key (PEM)' }),
  ipfixTlsCa: Type.String({
    default: '',
    description: 'authorities (PEM) that must have signed the certificates of exporters; empty accepts every exporter',
  }),
  ipfixConnectionsMax: Type.Integer({
    default: 1024,
    minimum: 1,
    maximum: 65536,
    description: 'IPFIX connections open at once; more are refused and counted',
  }),
  ipfixIdleMsMax: Type.Integer({
    default: 1800000,
    minimum: 1000,
    maximum: 86400000,
    description: 'time in ms without data after which an IPFIX connection is closed',
  }),
  udpBufferBytes: Type.Integer({
    default: 32 * MiB,
    minimum: 4096,
    maximum: 1024 * MiB,
    description: 'receive buffer requested from the kernel, per socket (net.core.rmem_max limits it)',
  }),
  collectorId: Type.String({
    default: defaultCollectorId(),
    pattern: '^[a-z0-9-]{1,63}$',
    expected: 'up to 63 lower-case letters, digits and hyphens',
    description: 'name of this collector, part of every batch identity',
  }),
  workers: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    description: 'receive workers, each with a socket per port (SO_REUSEPORT)',
  }),
  batchRowsMax: Type.Integer({
    default: 65536,
    minimum: 1,
    maximum: 1048576,
    description: 'rows after which a batch is closed',
  }),
  ...BATCH_AGE_KEYS,
  batchesMax: Type.Integer({
    default: 6,
    minimum: 2,
    maximum: 256,
    description: 'column buffers per worker; when all are in use records are dropped and counted',
  }),
  templatesMax: Type.Integer({
    default: 4096,
    minimum: 1,
    maximum: 1000000,
    description: 'templates kept per exporter',
  }),
  exportersMax: Type.Integer({
    default: 10000,
    minimum: 1,
    maximum: 1000000,
    description: 'exporters tracked; those that have delivered data for a while are never evicted for unknown ones',
  }),
  exporterAllow: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    uniqueItems: true,
    maxItems: 1024,
    description: 'prefixes of exporters that are accepted, over UDP, TCP and TLS; empty accepts all',
  }),
  exporterKnown: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    uniqueItems: true,
    maxItems: 1024,
    description: 'prefixes of exporters that always find room among exportersMax; others are evicted for them',
  }),
  exporterRateMax: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 10000000,
    description: 'datagrams or messages per second accepted from one exporter, per receive worker; 0 is no limit',
  }),
  elements: Type.String({
    default: '',
    description: 'more information elements: a table with tabs (.tsv: pen, id, name, type, units, column) or YAML',
  }),
};
type OwnConfiguration = ValuesOf<typeof COLLECTOR_KEYS>;

/** What the threads of the collector use. */
export type CollectorConfiguration = OwnConfiguration & Pick<ProcessConfiguration, 'clock' | 'logLevel'>;

export function collectorFaults(configuration: OwnConfiguration): Fault[] {
  const { udp, mirrorUdp, mirrorRate, ipfixTcp, ipfixTls, ipfixTlsCert, ipfixTlsKey } = configuration;
  const faults: Fault[] = [];
  if (ipfixTls.length > 0 && (ipfixTlsCert === '' || ipfixTlsKey === ''))
    faults.push({ path: '/ipfixTls', message: 'needs --ipfix-tls-cert and --ipfix-tls-key' });
  if (mirrorRate > 1 && mirrorUdp.length === 0)
    faults.push({ path: '/mirrorRate', message: 'needs --mirror-udp, whose frames it is of' });
  const mirrors = mirrorUdp.filter(port => udp.includes(port));
  if (mirrors.length > 0) faults.push({ path: '/mirrorUdp', message: `has port ${mirrors.join(', ')} of --udp too` });
  const both = ipfixTls.filter(port => ipfixTcp.includes(port));
  if (both.length > 0) faults.push({ path: '/ipfixTls', message: `has port ${both.join(', ')} of --ipfix-tcp too` });
  for (const key of ['exporterAllow', 'exporterKnown'] as const)
    configuration[key].forEach((text, i) => {
      if (!parsePrefix(text))
        faults.push({ path: `/${key}/${i}`, message: `"${text}" is no prefix (10.0.0.0/8, 2001:db8::/32)` });
    });
  return faults;
}

export const COLLECTOR_SERVICE = new ServiceSchema(
  'collector',
  {
    ...PROCESS_KEYS,
    ...COLLECTOR_KEYS,
    ...SPOOL_KEYS,
    ...KAFKA_CLIENT_KEYS,
    ...KAFKA_TOPIC_KEYS,
    ...KAFKA_OUTBOX_KEYS,
  },
  configuration => [...processFaults(configuration), ...collectorFaults(configuration)],
);
