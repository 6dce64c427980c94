// The applications document: a list in order of precedence. An application is a group of servers and a group of
// layer-4 ports; design: docs/INVENTORY.md, "Applications".

import { type Static, Type } from 'typebox';
import { parseAddress, parseMac, parsePrefix } from './address.ts';
import { documentChecker, type Fault } from './documents.ts';

const closed = { additionalProperties: false } as const;
const texts = (description?: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
    default: [],
    ...(description !== undefined && { description }),
  });

/** Every selector that is given adds members: an endpoint belongs when any one of them matches. */
const Selector = Type.Object(
  {
    names: texts('VM or endpoint names by glob: web-*, db-?'),
    tags: texts(),
    folders: texts('a folder and everything below it: /prod/shop'),
    portGroups: texts(),
    segments: texts(),
    addresses: texts(),
    prefixes: texts(),
    macs: texts(),
    vips: texts('virtual addresses with their port: 10.0.0.10 tcp/443'),
  },
  closed,
);

const Application = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 255 }),
    name: Type.Optional(Type.String({ maxLength: 255 })),
    servers: Selector,
    ports: texts('tcp/443, udp/8000-8100, icmp; empty: every port'),
    clientPorts: texts('ports that mark the client side, if the application has such'),
    strict: Type.Boolean({ default: false, description: 'only traffic on a listed port belongs to it' }),
  },
  closed,
);

export const Applications = Type.Object(
  {
    internal: Type.Array(Type.String(), {
      default: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
      description: 'prefixes that count as inside; everything else is external',
    }),
    applications: Type.Array(Application, { default: [] }),
  },
  closed,
);
export type Applications = Static<typeof Applications>;
export type Application = Static<typeof Application>;

export interface PortRange {
  readonly proto: number;
  readonly from: number;
  readonly to: number;
}

const PROTOS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, icmp6: 58, sctp: 132 };
const PORTS = /^(tcp|udp|sctp)\/(\d{1,5})(?:-(\d{1,5}))?$/;

/** `tcp/443`, `udp/8000-8100`, `icmp`; undefined when the text is none. */
export function parsePortRange(text: string): PortRange | undefined {
  if (text === 'icmp' || text === 'icmp6') return { proto: PROTOS[text]!, from: 0, to: 65535 };
  const match = PORTS.exec(text);
  if (!match) return undefined;
  const from = Number(match[2]);
  const to = match[3] === undefined ? from : Number(match[3]);
  return to > 65535 || from > to ? undefined : { proto: PROTOS[match[1]!]!, from, to };
}

/** `32768-65535`; undefined when the text is no range of ports. */
export function parsePortSpan(text: string): { from: number; to: number } | undefined {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const from = Number(match?.[1]);
  const to = Number(match?.[2]);
  return match && from <= to && to <= 65535 ? { from, to } : undefined;
}

export const applicationsChecker = documentChecker(Applications, document => {
  const faults: Fault[] = [];
  const each = (values: readonly string[], path: string, valid: (text: string) => unknown, expected: string) =>
    values.forEach((text, i) => {
      if (!valid(text)) faults.push({ path: `${path}/${i}`, message: `"${text}" is no ${expected}` });
    });
  each(document.internal, '/internal', parsePrefix, 'prefix (10.0.0.0/8, fd00::/8)');
  const seen = new Map<string, number>();
  const vips = new Map<string, { readonly ports: PortRange; readonly path: string }[]>();
  document.applications.forEach((application, i) => {
    const at = `/applications/${i}`;
    const first = seen.get(application.id);
    if (first === undefined) seen.set(application.id, i);
    else faults.push({ path: `${at}/id`, message: `"${application.id}" is the id of /applications/${first} already` });
    const { servers } = application;
    each(servers.addresses, `${at}/servers/addresses`, parseAddress, 'IPv4 or IPv6 address');
    each(servers.prefixes, `${at}/servers/prefixes`, parsePrefix, 'prefix (10.0.0.0/24, fd00::/64)');
    each(servers.macs, `${at}/servers/macs`, parseMac, 'MAC address (aa:bb:cc:dd:ee:ff)');
    each(servers.vips, `${at}/servers/vips`, parseVip, 'virtual address with port (10.0.0.10 tcp/443)');
    each(application.ports, `${at}/ports`, parsePortRange, 'port or range (tcp/443, udp/8000-8100, icmp)');
    each(application.clientPorts, `${at}/clientPorts`, parsePortRange, 'port or range (tcp/443, udp/8000-8100, icmp)');
    servers.vips.forEach((text, j) => {
      const vip = parseVip(text);
      if (!vip) return;
      const path = `${at}/servers/vips/${j}`;
      const name = String(parseAddress(vip.address));
      const others = vips.get(name) ?? [];
      const other = others.find(({ ports }) => meet(ports, vip.ports));
      if (other)
        faults.push({
          path,
          message: `"${text}" is given to ${other.path} already: a virtual address and port belongs to one application`,
        });
      vips.set(name, [...others, { ports: vip.ports, path }]);
    });
    application.clientPorts.forEach((text, j) => {
      const range = parsePortRange(text);
      const own = application.ports.findIndex(port => range && meet(parsePortRange(port), range));
      if (own >= 0)
        faults.push({
          path: `${at}/clientPorts/${j}`,
          message: `"${text}" meets ${at}/ports/${own}: a port is the servers' or the clients', not both`,
        });
    });
    if (Object.values(servers).every(values => values.length === 0))
      faults.push({
        path: `${at}/servers`,
        message:
          'selects nothing: give at least one of names, tags, folders, portGroups, segments, addresses, prefixes, macs, vips',
      });
  });
  return faults;
});

function meet(a: PortRange | undefined, b: PortRange): boolean {
  return a !== undefined && a.proto === b.proto && a.from <= b.to && b.from <= a.to;
}

export function parseVip(text: string): { address: string; ports: PortRange } | undefined {
  const [address = '', portText = '', more] = text.trim().split(/\s+/);
  const ports = parsePortRange(portText);
  return parseAddress(address) && ports && more === undefined ? { address, ports } : undefined;
}
