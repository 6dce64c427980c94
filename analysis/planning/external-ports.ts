// Ports that lead outside, by the exporter registry.

import type { Merged } from '../../inventory/model/merge.ts';
import type { ExporterRegistry } from '../../schemas/exporters.ts';

/** Whether the registry calls a port external: by itself, or as a port of its exporter that it does not list. */
export function externalPorts(
  { switches }: Pick<Merged, 'switches'>,
  { exporters }: ExporterRegistry,
): (switchId: string, ifIndex: number) => boolean {
  const found = new Set<string>();
  const portsOf = new Map(switches.map(({ id, ports }) => [id, ports]));
  for (const { switch: switchId, role, ports } of exporters) {
    if (switchId === undefined) continue;
    const roles = new Map(ports.map(port => [port.ifIndex, port.role]));
    for (const { ifIndex, connectsTo } of portsOf.get(switchId) ?? []) {
      const isCabled = connectsTo?.host !== undefined || connectsTo?.switch !== undefined;
      if ((roles.get(ifIndex) ?? (isCabled ? 'unknown' : role)) === 'external') found.add(`${switchId} ${ifIndex}`);
    }
  }
  return (switchId: string, ifIndex: number) => found.has(`${switchId} ${ifIndex}`);
}
