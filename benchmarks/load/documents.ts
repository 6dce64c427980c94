// The three documents that describe the simulated data centre to Hairpin: inventory, exporter registry, applications.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatAddress, formatIPv4, formatMac } from '../../schemas/address.ts';
import type { Applications } from '../../schemas/applications.ts';
import { applicationsChecker } from '../../schemas/applications.ts';
import { type ExporterRegistry, exporterRegistryChecker } from '../../schemas/exporters.ts';
import { type Inventory, inventoryChecker } from '../../schemas/inventory.ts';
import { replaceText } from '../../service/replace-file.ts';
import { TCP } from './model/applications.ts';
import { type DataCentre, EXTERNAL_IF_INDEX, FABRIC_IF_INDEX, PREFIX4, PREFIX6, VLAN } from './model/data-centre.ts';

export interface Documents {
  readonly inventory: Inventory;
  readonly exporters: ExporterRegistry;
  readonly applications: Applications;
}

const PORT_SPEED_BPS = 25e9;
const SEGMENT = 'production';

/** `exporterAddresses` holds the source address of each bridge's datagrams, `asOf` is RFC 3339. */
export function documentsOf(dataCentre: DataCentre, exporterAddresses: readonly string[], asOf: string): Documents {
  return {
    inventory: inventoryChecker.check('inventory', inventoryOf(dataCentre, asOf)),
    exporters: exporterRegistryChecker.check('exporter registry', registryOf(dataCentre, exporterAddresses)),
    applications: applicationsChecker.check('applications', applicationsDocumentOf(dataCentre)),
  };
}

/** Each file is replaced at once: Hairpin reads them again when they change. Returns their paths. */
export function writeDocuments(folder: string, documents: Documents): string[] {
  return Object.entries(documents).map(([name, document]) => writeDocument(folder, name, document));
}

export function writeDocument(folder: string, name: string, document: unknown): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.json`);
  replaceText(path, `${JSON.stringify(document, null, 2)}\n`);
  return path;
}

function inventoryOf({ bridges, hosts, vms, endpoints }: DataCentre, asOf: string) {
  return {
    source: 'load',
    asOf,
    complete: ['sites', 'racks', 'segments', 'switches', 'hosts', 'vms'],
    sites: [...new Set(bridges.map(bridge => bridge.site))].map(id => ({ id })),
    racks: bridges.map(bridge => ({ id: bridge.rack, site: bridge.site })),
    segments: [{ id: SEGMENT, vlan: VLAN, prefixes: [PREFIX4, PREFIX6] }],
    switches: bridges.map(bridge => ({
      id: bridge.id,
      rack: bridge.rack,
      ports: [
        ...hosts.flatMap(host =>
          host.bridge === bridge.index
            ? [
                {
                  ifIndex: host.ifIndex,
                  name: `eth${host.ifIndex}`,
                  speedBps: PORT_SPEED_BPS,
                  connectsTo: { host: host.id, pnic: 'vmnic0' },
                },
              ]
            : [],
        ),
        { ifIndex: FABRIC_IF_INDEX, name: 'fabric', connectsTo: { other: 'fabric' } },
        ...(bridge.index === 0
          ? [{ ifIndex: EXTERNAL_IF_INDEX, name: 'internet', connectsTo: { other: 'internet router' } }]
          : []),
      ],
    })),
    hosts: hosts.map(host => {
      const bridge = bridges[host.bridge]!;
      return {
        id: host.id,
        rack: bridge.rack,
        pnics: [{ id: 'vmnic0', mac: host.mac, switch: bridge.id, ifIndex: host.ifIndex }],
        vswitches: [
          {
            id: 'vswitch0',
            uplinks: ['vmnic0'],
            switching: 'vepa',
            reflectiveRelay: { configured: true, operational: true },
            portGroups: [{ id: SEGMENT, segment: SEGMENT, vlan: VLAN }],
          },
        ],
      };
    }),
    vms: vms.map((vm, i) => {
      const words = endpoints.address6.subarray(4 * i, 4 * i + 4);
      const address6 = words[0] === 0 ? [] : [formatAddress([words[0]!, words[1]!, words[2]!, words[3]!])];
      return {
        id: `vm-${i + 1}`,
        name: vm.name,
        host: hosts[vm.host]!.id,
        folder: `/${vm.app ?? 'lab'}`,
        vnics: [
          {
            mac: formatMac(endpoints.macLow[i]!, endpoints.macHigh[i]!),
            addresses: [formatIPv4(endpoints.address4[i]!), ...address6],
            vswitch: 'vswitch0',
            portGroup: SEGMENT,
            segment: SEGMENT,
          },
        ],
      };
    }),
  };
}

function registryOf({ bridges, hosts }: DataCentre, addresses: readonly string[]) {
  return {
    exporters: bridges.map(bridge => ({
      address: addresses[bridge.index],
      domain: bridge.domain,
      protocol: bridge.protocol,
      name: bridge.id,
      site: bridge.site,
      switch: bridge.id,
      metering: 'ingress',
      activeTimeoutS: 60,
      ports: [
        ...hosts.flatMap(host => (host.bridge === bridge.index ? [{ ifIndex: host.ifIndex, role: 'access' }] : [])),
        { ifIndex: FABRIC_IF_INDEX, role: 'fabric' },
        ...(bridge.index === 0 ? [{ ifIndex: EXTERNAL_IF_INDEX, role: 'external' }] : []),
      ],
    })),
  };
}

function applicationsDocumentOf({ apps }: DataCentre) {
  return {
    applications: apps.map(app => ({
      id: app.id,
      servers: { names: [`${app.id}-*`] },
      ports: [`${app.proto === TCP ? 'tcp' : 'udp'}/${app.port}`],
    })),
  };
}
