// Why a spot is blind and what would help, in words that name the ports. It walks the documents, not compiled tables: a
// report has a few hundred spots at most.

import type { Merged } from '../../inventory/model/merge.ts';
import { canonicalAddress } from '../../schemas/address.ts';
import type { AccessPort, BlindReason, SwitchPortName } from '../../schemas/coverage.ts';
import type { ExporterRegistry, RegisteredExporter } from '../../schemas/exporters.ts';
import type { InventoryHost, InventoryVm } from '../../schemas/inventory.ts';

type VSwitch = InventoryHost['vswitches'][number];
type Vnic = InventoryVm['vnics'][number];

interface SwitchPort {
  readonly switchId: string;
  readonly ifIndex: number;
}

export class Cabling {
  readonly #isSilent: (exporter: RegisteredExporter) => boolean;
  /** Names of ports by switch and ifIndex. */
  readonly #portNames: ReadonlyMap<string, ReadonlyMap<number, string>>;
  /** Switch ports by `host pnic`, as the switches state them. */
  readonly #cabled: ReadonlyMap<string, readonly SwitchPort[]>;
  /** Exporters that meter something, by switch. */
  readonly #metersBySwitch: ReadonlyMap<string | undefined, readonly RegisteredExporter[]>;

  constructor(inventory: Merged, registry: ExporterRegistry, isSilent: (exporter: RegisteredExporter) => boolean) {
    this.#isSilent = isSilent;
    this.#portNames = new Map(
      inventory.switches.map(({ id, ports }) => [id, new Map(ports.map(port => [port.ifIndex, port.name ?? '']))]),
    );
    this.#cabled = cabledPorts(inventory);
    this.#metersBySwitch = Map.groupBy(
      registry.exporters.filter(
        ({ traffic, metering, ports }) => traffic === 'all' && (metering !== 'none' || ports.length > 0),
      ),
      exporter => exporter.switch,
    );
  }

  /** Switch ports that the vSwitch, or the whole host, is cabled to. */
  portsOf(host: InventoryHost, vswitch: VSwitch | undefined): SwitchPortName[] {
    const uplinks = vswitch?.uplinks ?? [];
    const pnics = uplinks.length > 0 ? host.pnics.filter(pnic => uplinks.includes(pnic.id)) : host.pnics;
    const stated = pnics.flatMap(pnic => [
      ...(pnic.switch !== undefined && pnic.ifIndex !== undefined
        ? [{ switchId: pnic.switch, ifIndex: pnic.ifIndex }]
        : []),
      ...(this.#cabled.get(`${host.id} ${pnic.id}`) ?? []),
    ]);
    const ports = stated.length > 0 ? stated : (this.#cabled.get(`${host.id} `) ?? []);
    return [
      ...new Map(
        ports.map(({ switchId, ifIndex }) => [
          `${switchId} ${ifIndex}`,
          { switch: switchId, ifIndex, name: this.#portNames.get(switchId)?.get(ifIndex) ?? '' },
        ]),
      ).values(),
    ];
  }

  /** Why packets between neighbours inside the host are not seen. */
  internalReason(host: InventoryHost, vswitch: VSwitch, vnic: Vnic): BlindReason {
    if (vswitch.exporter) return 'vswitch-not-metered';
    const channel = vswitch.channels.find(entry => vnic.sVlan !== undefined && entry.svid === vnic.sVlan);
    const switching = vnic.ecid !== undefined || vnic.ifIndex !== undefined ? 'vsi' : (channel ?? vswitch).switching;
    if (switching === 'veb') return 'veb';
    if (switching === 'vepa' && vswitch.reflectiveRelay?.operational !== true) return 'relay-not-operational';
    return this.accessReason(host, vswitch);
  }

  /** Why packets that leave the host are not seen at its access port. */
  accessReason(host: InventoryHost, vswitch: VSwitch | undefined): BlindReason {
    if (this.portsOf(host, vswitch).length === 0) return 'no-access-port';
    const meters = this.metersOf(host, vswitch);
    return meters.length > 0 && meters.every(this.#isSilent) ? 'exporter-silent' : 'not-metered';
  }

  /** Registered exporters of the switches that the vSwitch is cabled to. */
  metersOf(host: InventoryHost, vswitch: VSwitch | undefined): readonly RegisteredExporter[] {
    return this.portsOf(host, vswitch).flatMap(port => this.#metersBySwitch.get(port.switch) ?? []);
  }

  /** Ports of hosts that a registered exporter meters. */
  meteredPorts({ hosts }: Merged): AccessPort[] {
    return hosts.flatMap(host =>
      this.portsOf(host, undefined).flatMap(({ switch: id, ifIndex }) =>
        (this.#metersBySwitch.get(id) ?? []).slice(0, 1).map(({ address }) => ({
          exporter: canonicalAddress(address),
          ifIndex,
          switch: id,
          host: host.name ?? host.id,
        })),
      ),
    );
  }
}

function cabledPorts({ switches }: Merged): Map<string, SwitchPort[]> {
  const cabled = new Map<string, SwitchPort[]>();
  for (const { id, ports } of switches) {
    for (const { ifIndex, connectsTo } of ports) {
      if (connectsTo?.host === undefined) continue;
      const end = `${connectsTo.host} ${connectsTo.pnic ?? ''}`;
      const known = cabled.get(end);
      if (known) known.push({ switchId: id, ifIndex });
      else cabled.set(end, [{ switchId: id, ifIndex }]);
    }
  }
  return cabled;
}

/** The likeliest first. */
export function remediesFor(
  reason: BlindReason,
  vswitch: VSwitch | undefined,
  ports: readonly SwitchPortName[],
): string[] {
  const bridge = vswitch ? `vSwitch ${vswitch.name ?? vswitch.id}` : 'the vSwitch';
  const where = ports.length > 0 ? ports.map(portText).join(' and ') : 'the port the host hangs on';
  const exportItself = `let ${bridge} export sFlow or IPFIX, name it as its exporter in the inventory, and register that exporter`;
  const probe = `a probe inside the host, or port mirroring of ${bridge} to one`;
  switch (reason) {
    case 'veb':
      return [
        `turn ${bridge} from VEB to VEPA and enable reflective relay on ${where}, where the switch must meter what arrives`,
        exportItself,
        probe,
      ];
    case 'relay-not-operational':
      return [
        `bring reflective relay into operation on ${where}: the vSwitch is a VEPA, the switch does not turn frames back`,
        exportItself,
      ];
    case 'vswitch-not-metered':
      return [
        `register ${vswitch?.exporter?.address ?? 'the exporter of the vSwitch'} as an exporter that meters traffic inside the host, or find out why nothing arrives from it`,
        probe,
      ];
    case 'no-access-port':
      return ['state in the inventory which switch port each pNIC of the host is cabled to'];
    case 'not-metered':
      return [`register an exporter that meters what arrives at ${where}`, exportItself];
    case 'exporter-silent':
      return [
        `find out why nothing arrives from the exporter that meters ${where}: its export, the way to the collector, the registry's address`,
      ];
  }
}

function portText({ switch: id, ifIndex, name }: SwitchPortName): string {
  return `port ${name === '' ? ifIndex : `${name} (ifIndex ${ifIndex})`} of switch ${id}`;
}
