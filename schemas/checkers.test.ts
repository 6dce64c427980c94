// The rules of the three documents of an operator: what each takes, what it refuses and where it says the fault is.

import { describe, expect, test } from 'vitest';
import { applicationsChecker, parsePortRange, parseVip } from './applications.ts';
import { PROTOCOLS } from './codes.ts';
import { type Checker, DocumentError } from './documents.ts';
import { exporterRegistryChecker } from './exporters.ts';
import { inventoryChecker } from './inventory.ts';

function faultsOf(checker: Checker<unknown>, document: object): string[] {
  try {
    checker.check('document', document);
    return [];
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return error.faults.map(({ path, message }) => `${path} ${message}`);
  }
}

describe('an inventory', () => {
  const faults = (parts: object) => faultsOf(inventoryChecker, { source: 's', asOf: '2026-01-01T00:00:00Z', ...parts });
  const KINDS = ['sites', 'racks', 'segments', 'switches', 'hosts', 'vms', 'endpoints'];
  const host = {
    id: 'h1',
    rack: 'r1',
    addresses: ['10.9.0.1', 'fd00::1'],
    pnics: [{ id: 'p1', mac: '02:00:00:00:00:01', switch: 'sw1', ifIndex: 7 }],
    vswitches: [
      { id: 'vs1', uplinks: ['p1'], portGroups: [{ id: 'pg1', segment: 'seg1', vlanTrunk: [[1, 4094]] }] },
      { id: 'vs2', portGroups: [{ id: 'pg2', vlan: 4095 }], exporter: { address: '10.9.0.1', domain: 0 } },
    ],
    vmkernelNics: [{ id: 'vmk0', mac: '02:00:00:00:00:02', addresses: ['10.9.0.2'], purpose: 'vmotion' }],
  };
  const whole = {
    complete: ['vms', 'hosts'],
    sites: [{ id: 's1' }],
    racks: [{ id: 'r1', site: 's1' }],
    segments: [{ id: 'seg1', site: 's1', vlan: 10, vni: 0xffffff, prefixes: ['10.0.0.0/24', 'fd00::/64'] }],
    switches: [{ id: 'sw1', rack: 'r1', ports: [{ ifIndex: 7, connectsTo: { host: 'h1', pnic: 'p1' } }] }],
    hosts: [host],
    vms: [
      {
        id: 'vm1',
        name: 'web-1',
        host: 'h1',
        vnics: [
          { mac: '02:00:00:00:00:03', addresses: ['10.0.0.5'], vswitch: 'vs1', portGroup: 'pg1', segment: 'seg1' },
          { portGroup: 'pg2', ecid: 0x3fffff },
        ],
      },
    ],
    endpoints: [
      { id: 'e1', name: 'lb', kind: 'vip', addresses: ['10.0.0.9'], port: 'tcp/443', segment: 'seg1', switch: 'sw1' },
    ],
  };

  test('of every kind of entity is taken', () => {
    expect(faults(whole)).toEqual([]);
    expect(faults({})).toEqual([]);
  });

  test.each(['sites', 'racks', 'segments', 'switches', 'hosts', 'vms', 'endpoints'])('names one of %s once', kind => {
    const entity = {
      id: 'x',
      ...(kind === 'vms' && { name: 'x' }),
      ...(kind === 'endpoints' && { name: 'x', kind: 'storage' }),
    };
    expect(faults({ [kind]: [entity, { ...entity, id: 'y' }, entity] })).toEqual([
      `/${kind}/2/id "x" is the id of /${kind}/0 already`,
    ]);
  });

  test.each([
    [{ racks: [{ id: 'r', site: 'x' }] }, '/racks/0/site "x" is no id of /sites'],
    [{ segments: [{ id: 's', site: 'x' }] }, '/segments/0/site "x" is no id of /sites'],
    [
      { segments: [{ id: 's', prefixes: ['10.0.0.0/24', '10.0.0/24'] }] },
      '/segments/0/prefixes/1 "10.0.0/24" is no prefix',
    ],
    [{ switches: [{ id: 's', rack: 'x' }] }, '/switches/0/rack "x" is no id of /racks'],
    [
      { switches: [{ id: 's', ports: [{ ifIndex: 1, connectsTo: { host: 'x' } }] }] },
      '/switches/0/ports/0/connectsTo/host "x" is no id of /hosts',
    ],
    [
      { switches: [{ id: 's', ports: [{ ifIndex: 1, connectsTo: { switch: 'x' } }] }] },
      '/switches/0/ports/0/connectsTo/switch "x" is no id of /switches',
    ],
    [{ hosts: [{ id: 'h', rack: 'x' }] }, '/hosts/0/rack "x" is no id of /racks'],
    [{ hosts: [{ id: 'h', addresses: ['x'] }] }, '/hosts/0/addresses/0 "x" is no IPv4 or IPv6 address'],
    [{ hosts: [{ id: 'h', pnics: [{ id: 'p', mac: 'x' }] }] }, '/hosts/0/pnics/0/mac "x" is no MAC address'],
    [{ hosts: [{ id: 'h', pnics: [{ id: 'p', switch: 'x' }] }] }, '/hosts/0/pnics/0/switch "x" is no id of /switches'],
    [
      { hosts: [{ id: 'h', vswitches: [{ id: 'v', uplinks: ['x'] }] }] },
      '/hosts/0/vswitches/0/uplinks/0 "x" is no pNIC of this host',
    ],
    [
      { hosts: [{ id: 'h', vswitches: [{ id: 'v', portGroups: [{ id: 'p', segment: 'x' }] }] }] },
      '/hosts/0/vswitches/0/portGroups/0/segment "x" is no id of /segments',
    ],
    [
      { hosts: [{ id: 'h', vswitches: [{ id: 'v', exporter: { address: 'x' } }] }] },
      '/hosts/0/vswitches/0/exporter/address "x" is no IPv4',
    ],
    [
      { hosts: [{ id: 'h', vmkernelNics: [{ id: 'k', mac: 'x' }] }] },
      '/hosts/0/vmkernelNics/0/mac "x" is no MAC address',
    ],
    [
      { hosts: [{ id: 'h', vmkernelNics: [{ id: 'k', addresses: ['x'] }] }] },
      '/hosts/0/vmkernelNics/0/addresses/0 "x" is no IPv4',
    ],
    [{ vms: [{ id: 'v', name: 'v', host: 'x', vnics: [{ portGroup: 'any' }] }] }, '/vms/0/host "x" is no id of /hosts'],
    [{ vms: [{ id: 'v', name: 'v', vnics: [{ mac: 'x' }] }] }, '/vms/0/vnics/0/mac "x" is no MAC address'],
    [
      { vms: [{ id: 'v', name: 'v', vnics: [{ addresses: ['10.0.0.1/24'] }] }] },
      '/vms/0/vnics/0/addresses/0 "10.0.0.1/24" is no IPv4',
    ],
    [{ vms: [{ id: 'v', name: 'v', vnics: [{ segment: 'x' }] }] }, '/vms/0/vnics/0/segment "x" is no id of /segments'],
    [
      { ...whole, vms: [{ id: 'v', name: 'v', host: 'h1', vnics: [{ vswitch: 'x' }] }] },
      '/vms/0/vnics/0/vswitch "x" is no vSwitch of host "h1"',
    ],
    [
      { ...whole, vms: [{ id: 'v', name: 'v', host: 'h1', vnics: [{ vswitch: 'vs2', portGroup: 'pg1' }] }] },
      '/vms/0/vnics/0/portGroup "pg1" is no port group of host "h1"',
    ],
    [{ endpoints: [{ id: 'e', name: 'e', kind: 'vip', mac: 'x' }] }, '/endpoints/0/mac "x" is no MAC address'],
    [{ endpoints: [{ id: 'e', name: 'e', kind: 'vip', addresses: ['x'] }] }, '/endpoints/0/addresses/0 "x" is no IPv4'],
    [{ endpoints: [{ id: 'e', name: 'e', kind: 'vip', port: '443' }] }, '/endpoints/0/port "443" is no port or range'],
    [
      { endpoints: [{ id: 'e', name: 'e', kind: 'vip', segment: 'x' }] },
      '/endpoints/0/segment "x" is no id of /segments',
    ],
    [{ endpoints: [{ id: 'e', name: 'e', kind: 'vip', rack: 'x' }] }, '/endpoints/0/rack "x" is no id of /racks'],
    [
      { endpoints: [{ id: 'e', name: 'e', kind: 'vip', switch: 'x' }] },
      '/endpoints/0/switch "x" is no id of /switches',
    ],
    [
      {
        hosts: [host],
        ...{ racks: whole.racks, sites: whole.sites, switches: whole.switches, segments: whole.segments },
        endpoints: [{ id: 'e', name: 'e', kind: 'storage', mac: '0200.0000.0002' }],
      },
      '/endpoints/0/mac "0200.0000.0002" is the MAC address of /hosts/0/vmkernelNics/0/mac already',
    ],
    [
      { ...whole, vms: [{ id: 'v', name: 'v', vnics: [{ portGroup: 'pg3' }] }] },
      '/vms/0/vnics/0/portGroup "pg3" is no port group of any host',
    ],
    [
      { vms: ['a', 'b'].map(id => ({ id, name: id, vnics: [{ mac: '02:00:00:00:00:01' }] })) },
      '/vms/1/vnics/0/mac "02:00:00:00:00:01" is the MAC address of /vms/0/vnics/0/mac already',
    ],
  ])('is refused: %#', (parts, fault) => {
    expect(faults({ ...parts, complete: KINDS })).toEqual([expect.stringContaining(fault)]);
  });

  test('says all of it at once', () => {
    const parts = { racks: [{ id: 'r', site: 'x' }], hosts: [{ id: 'h', rack: 'y', addresses: ['z'] }] };
    expect(faults({ ...parts, complete: KINDS })).toHaveLength(3);
  });

  test('that reports nothing of a kind may name what was reported before, or by another source', () => {
    const moved = { id: 'v', name: 'v', host: 'elsewhere', vnics: [{ portGroup: 'pg', segment: 'seg' }] };
    expect(faults({ vms: [moved] })).toEqual([]);
    expect(faults({ vms: [moved], hosts: [{ id: 'h' }] })).toEqual(['/vms/0/host "elsewhere" is no id of /hosts']);
    expect(faults({ vms: [moved], complete: ['vms', 'segments'] })).toEqual([
      '/vms/0/vnics/0/segment "seg" is no id of /segments',
    ]);
  });

  test.each(['2026-01-01', '2026-01-01T00:00:00', '2026-02-30T00:00:00Z', 'yesterday', ''])(
    'as of "%s" is refused',
    asOf => {
      expect(faults({ asOf })).toEqual(['/asOf must match format "date-time"']);
    },
  );
});

describe('an applications document', () => {
  const faults = (...applications: object[]) => faultsOf(applicationsChecker, { applications });
  const servers = { names: ['web-*'] };

  test('with every kind of selector is taken; without any, the private prefixes are inside', () => {
    const all = {
      names: ['a'],
      tags: ['b'],
      folders: ['/c'],
      portGroups: ['d'],
      segments: ['e'],
      addresses: ['10.0.0.1', '::1'],
      prefixes: ['10.0.0.0/24'],
      macs: ['02:00:00:00:00:01'],
      vips: ['10.0.0.10 tcp/443', 'fd00::1  udp/1-2'],
    };
    expect(faults({ id: 'a', servers: all, ports: ['tcp/443', 'icmp'], clientPorts: ['udp/1'], strict: true })).toEqual(
      [],
    );
    for (const [name, value] of Object.entries(all))
      expect(faults({ id: 'a', servers: { [name]: value } })).toEqual([]);
    expect(applicationsChecker.check('', {}).internal).toContain('10.0.0.0/8');
  });

  test.each([
    [{ id: 'a', servers: {} }, '/applications/0/servers selects nothing'],
    [
      { id: 'a', servers: { addresses: ['10.0.0.0/8'] } },
      '/applications/0/servers/addresses/0 "10.0.0.0/8" is no IPv4',
    ],
    [{ id: 'a', servers: { prefixes: ['10.0.0.0/8', 'x'] } }, '/applications/0/servers/prefixes/1 "x" is no prefix'],
    [{ id: 'a', servers: { macs: ['x'] } }, '/applications/0/servers/macs/0 "x" is no MAC'],
    [{ id: 'a', servers: { vips: ['10.0.0.1'] } }, '/applications/0/servers/vips/0 "10.0.0.1" is no virtual address'],
    [{ id: 'a', servers, ports: ['443'] }, '/applications/0/ports/0 "443" is no port or range'],
    [{ id: 'a', servers, clientPorts: ['tcp/9-8'] }, '/applications/0/clientPorts/0 "tcp/9-8" is no port or range'],
  ])('is refused: %j', (application, fault) => {
    expect(faults(application)).toEqual([expect.stringContaining(fault)]);
  });

  test('names an application once, and what is inside by prefix', () => {
    expect(faults({ id: 'a', servers }, { id: 'b', servers }, { id: 'a', servers })).toEqual([
      '/applications/2/id "a" is the id of /applications/0 already',
    ]);
    expect(faultsOf(applicationsChecker, { internal: ['10.0.0.0/8', 'inside'] })).toEqual([
      expect.stringContaining('/internal/1 "inside" is no prefix'),
    ]);
  });

  test('has ports in the forms people write', () => {
    expect(parsePortRange('tcp/443')).toEqual({ proto: 6, from: 443, to: 443 });
    expect(parsePortRange('udp/0-65535')).toEqual({ proto: 17, from: 0, to: 65535 });
    expect(parsePortRange('icmp6')).toEqual({ proto: 58, from: 0, to: 65535 });
    for (const text of [
      '',
      'tcp',
      'tcp/',
      'tcp/65536',
      'tcp/2-1',
      'gre/1',
      'TCP/1',
      'tcp/1-',
      'icmp/8',
      'tcp/-1',
      'tcp/1 ',
    ])
      expect([text, parsePortRange(text)]).toEqual([text, undefined]);
    expect(parseVip(' 10.0.0.1\ttcp/80 ')).toEqual({ address: '10.0.0.1', ports: { proto: 6, from: 80, to: 80 } });
    for (const text of ['', '10.0.0.1', 'tcp/80', '10.0.0.1 tcp/80 x', 'a tcp/80'])
      expect(parseVip(text)).toBeUndefined();
  });
});

describe('an exporter registry', () => {
  const faults = (...exporters: object[]) => faultsOf(exporterRegistryChecker, { exporters });

  test('reports exporters of one address apart by domain and protocol', () => {
    const address = '10.0.0.1';
    expect(
      faults(
        { address },
        { address, domain: 0 },
        { address, domain: 1 },
        { address, protocol: 'ipfix' },
        { address: '::1' },
      ),
    ).toEqual([]);
    expect(exporterRegistryChecker.check('', { exporters: [{ address }] }).exporters).toEqual([
      { address, metering: 'ingress', role: 'unknown', traffic: 'all', ports: [] },
    ]);
    expect(faults({ address, domain: 1 }, { address }, { address, domain: 1 })).toEqual([
      '/exporters/2 names the same exporter, domain and protocol as /exporters/0',
    ]);
  });

  test('may name one switch for up to 1024 exporters', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, domain) => ({ address: '::1', domain, switch: 'a' }));
    expect(faults(...many(1024))).toEqual([]);
    expect(faults(...many(1026))).toEqual(['/exporters/1024/switch more than 1024 exporters name "a" as their switch']);
  });

  test('may name every protocol but the unknown one', () => {
    const refused = PROTOCOLS.filter(protocol => faults({ address: '::1', protocol }).length > 0);
    expect(refused).toEqual(['unknown']);
  });

  test.each([
    [{ address: 'switch1' }, '/exporters/0/address "switch1" is no IPv4 or IPv6 address'],
    [{ address: '::1', ports: [{ ifIndex: 1 }, { ifIndex: 1 }] }, '/exporters/0/ports/1/ifIndex 1 is listed twice'],
    [{ address: '::1', domain: 2 ** 32 }, '/exporters/0/domain must be <= 4294967295'],
    [{ address: '::1', samplingRate: 0 }, '/exporters/0/samplingRate must be >= 1'],
    [{ address: '::1', metering: 'in' }, '/exporters/0/metering must be one of ingress, egress, both, none'],
    [{ address: '::1', ports: [{ ifIndex: 1, role: 'x' }] }, '/exporters/0/ports/0/role must be one of access'],
    [{}, '/exporters/0/address is required'],
  ])('is refused: %j', (exporter, fault) => {
    expect(faults(exporter)).toEqual([expect.stringContaining(fault)]);
  });

  test('knows one exporter by its address, however that is written', () => {
    expect(faults({ address: '2001:db8::1' }, { address: '2001:DB8:0::1' })).toEqual([
      '/exporters/1 names the same exporter, domain and protocol as /exporters/0',
    ]);
  });
});
