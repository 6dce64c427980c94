// The exporter registry: what each exporter is, which of its ports it meters in which direction. It is configuration:
// nothing in it is inferred from flows. An exporter that is not listed is accepted and its ports are `unknown`.

import { type Static, Type } from 'typebox';
import { formatAddress, parseAddress } from './address.ts';
import { PROTOCOLS } from './codes.ts';
import { documentChecker, type Fault } from './documents.ts';

const EXPORT_PROTOCOLS = PROTOCOLS.filter(protocol => protocol !== 'unknown');

const closed = { additionalProperties: false } as const;
const uint32 = (description?: string) =>
  Type.Integer({ minimum: 0, maximum: 0xffffffff, ...(description !== undefined && { description }) });

export const METERINGS = ['ingress', 'egress', 'both', 'none'] as const;
export const BIFLOW_EXPORTS = ['single', 'repeated'] as const;
export const TUNNELS = ['inner', 'outer'] as const;
export const PORT_ROLES = ['access', 'fabric', 'tunnel', 'external', 'unknown'] as const;

const Port = Type.Object(
  {
    ifIndex: uint32(),
    role: Type.Enum([...PORT_ROLES] as unknown as typeof PORT_ROLES, {
      default: 'unknown',
      description: 'what is behind the port',
    }),
    metering: Type.Optional(
      Type.Enum([...METERINGS] as unknown as typeof METERINGS, {
        description: 'instead of the metering of the exporter',
      }),
    ),
  },
  closed,
);

const Exporter = Type.Object(
  {
    address: Type.String({ description: 'source address of the datagrams; for sFlow the agent address' }),
    domain: Type.Optional(uint32('observation domain, source id or sub-agent id; every one when left out')),
    protocol: Type.Optional(Type.Enum(EXPORT_PROTOCOLS, { description: 'every one when left out' })),
    name: Type.Optional(Type.String({ maxLength: 255, description: 'for people' })),
    site: Type.Optional(Type.String({ description: 'id of a site of the inventory' })),
    switch: Type.Optional(Type.String({ description: "id of the inventory's switch that this exporter is" })),
    metering: Type.Enum([...METERINGS] as unknown as typeof METERINGS, {
      default: 'ingress',
      description: 'direction that is metered by ports that do not state theirs',
    }),
    role: Type.Enum([...PORT_ROLES] as unknown as typeof PORT_ROLES, {
      default: 'unknown',
      description: 'of ports that are not listed',
    }),
    prescaled: Type.Optional(
      Type.Boolean({
        description:
          'whether the exporter multiplies by its sampling rate before it sends; left out: known by its templates (VMware, Open vSwitch), else not',
      }),
    ),
    samplingRate: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 0xffffffff, description: 'N of 1 in N, instead of the reported rate' }),
    ),
    activeTimeoutS: Type.Optional(
      Type.Number({ minimum: 0, description: 'seconds after which a long flow is reported' }),
    ),
    biflow: Type.Optional(
      Type.Enum([...BIFLOW_EXPORTS] as unknown as typeof BIFLOW_EXPORTS, {
        description:
          'records of both directions (RFC 5103); single, as if left out: each packet is in one record of the device only; repeated: what goes the other way is exported as records of its own besides',
      }),
    ),
    tunnels: Type.Optional(
      Type.Enum([...TUNNELS] as unknown as typeof TUNNELS, {
        description:
          'which packet of a tunnel it describes; left out: the inner one where its protocol reads tunnels (sFlow), else the outer one',
      }),
    ),
    traffic: Type.Enum(['all', 'host-internal', 'rule-hits'], {
      default: 'all',
      description: 'class of traffic that it exports',
    }),
    ports: Type.Array(Port, { default: [] }),
  },
  closed,
);

export const ExporterRegistry = Type.Object(
  {
    asOf: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'from when it holds (RFC 3339); a registry without it holds for all time',
      }),
    ),
    exporters: Type.Array(Exporter, { default: [] }),
  },
  closed,
);
export type ExporterRegistry = Static<typeof ExporterRegistry>;
export type RegisteredExporter = Static<typeof Exporter>;

/** Line cards and sub-agents of one switch. Every port of a switch is compiled for each exporter that names it. */
export const SWITCH_EXPORTERS_MAX = 1024;

export const exporterRegistryChecker = documentChecker(ExporterRegistry, registry => {
  const faults: Fault[] = [];
  const seen = new Map<string, number>();
  const bySwitch = new Map<string, number>();
  registry.exporters.forEach((exporter, i) => {
    const address = parseAddress(exporter.address);
    if (!address)
      faults.push({ path: `/exporters/${i}/address`, message: `"${exporter.address}" is no IPv4 or IPv6 address` });
    const name = `${address ? formatAddress(address) : exporter.address} ${exporter.domain ?? '*'} ${exporter.protocol ?? '*'}`;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, i);
    else
      faults.push({
        path: `/exporters/${i}`,
        message: `names the same exporter, domain and protocol as /exporters/${first}`,
      });
    if (exporter.switch !== undefined) {
      const count = (bySwitch.get(exporter.switch) ?? 0) + 1;
      bySwitch.set(exporter.switch, count);
      if (count === SWITCH_EXPORTERS_MAX + 1)
        faults.push({
          path: `/exporters/${i}/switch`,
          message: `more than ${SWITCH_EXPORTERS_MAX} exporters name "${exporter.switch}" as their switch`,
        });
    }
    const ports = new Set<number>();
    exporter.ports.forEach((port, j) => {
      if (ports.has(port.ifIndex))
        faults.push({ path: `/exporters/${i}/ports/${j}/ifIndex`, message: `${port.ifIndex} is listed twice` });
      ports.add(port.ifIndex);
    });
  });
  return faults;
});
