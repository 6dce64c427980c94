// The exporter registry: what each exporter is, which of its ports it meters in which direction. It is configuration:
// nothing in it is inferred from flows. An exporter that is not listed is accepted and its ports are `unknown`.

import { type Static, Type } from 'typebox';
import { formatAddress, parseAddress } from './address.ts';
import { PROTOCOLS } from './codes.ts';
import { documentChecker, type Fault } from './documents.ts';

const EXPORT_PROTOCOLS = PROTOCOLS.filter(protocol => protocol !== 'unknown');

const closed = { additionalProperties: false } as const;
const Uint32 = Type.Integer({ minimum: 0, maximum: 0xffffffff });

export const METERINGS = ['ingress', 'egress', 'both', 'none'] as const;
export const BIFLOW_EXPORTS = ['single', 'repeated'] as const;
export const TUNNELS = ['inner', 'outer'] as const;
export const PORT_ROLES = ['access', 'fabric', 'tunnel', 'external', 'unknown'] as const;

const Port = Type.Object(
  {
    ifIndex: Uint32,
    role: Type.Enum([...PORT_ROLES] as unknown as typeof PORT_ROLES, { default: 'unknown' }),
    /** Overrides the exporter's metering for this port. */
    metering: Type.Optional(Type.Enum([...METERINGS] as unknown as typeof METERINGS)),
  },
  closed,
);

const Exporter = Type.Object(
  {
    /** Source address of the datagrams; for sFlow the agent address. */
    address: Type.String(),
    /** Observation domain, source id or sub-agent id; every one when left out. */
    domain: Type.Optional(Uint32),
    protocol: Type.Optional(Type.Enum(EXPORT_PROTOCOLS)),
    name: Type.Optional(Type.String({ maxLength: 255 })),
    site: Type.Optional(Type.String()),
    /** Id of the inventory's switch that this exporter is. */
    switch: Type.Optional(Type.String()),
    /** Direction metered by ports that do not say otherwise. */
    metering: Type.Enum([...METERINGS] as unknown as typeof METERINGS, { default: 'ingress' }),
    /** Role of ports that are not listed. */
    role: Type.Enum([...PORT_ROLES] as unknown as typeof PORT_ROLES, { default: 'unknown' }),
    /**
     * Whether the exporter multiplies by its sampling rate before it sends. Left out: known by its templates (VMware, Open
     * vSwitch), else not.
     */
    prescaled: Type.Optional(Type.Boolean()),
    /** Sampling rate to use instead of the reported one. */
    samplingRate: Type.Optional(Type.Integer({ minimum: 1, maximum: 0xffffffff })),
    activeTimeoutS: Type.Optional(Type.Number({ minimum: 0 })),
    /**
     * Records of both directions (RFC 5103). `single`, as if left out: each packet is in one record of the device only;
     * `repeated`: what goes the other way is exported as records of its own besides.
     */
    biflow: Type.Optional(Type.Enum([...BIFLOW_EXPORTS] as unknown as typeof BIFLOW_EXPORTS)),
    /**
     * Which packet of a tunnel it describes. Left out: the inner one where its protocol `readsTunnels`, else the outer one.
     */
    tunnels: Type.Optional(Type.Enum([...TUNNELS] as unknown as typeof TUNNELS)),
    /** Class of traffic it exports. */
    traffic: Type.Enum(['all', 'host-internal', 'rule-hits'], { default: 'all' }),
    ports: Type.Array(Port, { default: [] }),
  },
  closed,
);

export const ExporterRegistry = Type.Object(
  {
    /** From when it holds (RFC 3339); a registry without it holds for all time. */
    asOf: Type.Optional(Type.String({ format: 'date-time' })),
    exporters: Type.Array(Exporter, { default: [] }),
  },
  closed,
);
export type ExporterRegistry = Static<typeof ExporterRegistry>;
export type RegisteredExporter = Static<typeof Exporter>;

export const exporterRegistryChecker = documentChecker(ExporterRegistry, registry => {
  const faults: Fault[] = [];
  const seen = new Map<string, number>();
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
    const ports = new Set<number>();
    exporter.ports.forEach((port, j) => {
      if (ports.has(port.ifIndex))
        faults.push({ path: `/exporters/${i}/ports/${j}/ifIndex`, message: `${port.ifIndex} is listed twice` });
      ports.add(port.ifIndex);
    });
  });
  return faults;
});
