// What runs in the simulated data centre: applications with their server port, and who depends on whom. The first nine
// are a shop and the services everybody shares; further ones come as systems of three tiers.

export interface App {
  /** Also the stem of its VMs' names: `shop-web-03`. */
  readonly id: string;
  readonly proto: number;
  readonly port: number;
}

/** What passes between a client and a server, per turn; packets are drawn between the limits, small ones more often. */
export interface Exchange {
  readonly request: Volume;
  /** Absent: nothing comes back (syslog). */
  readonly reply?: Volume;
}
export interface Volume {
  readonly packetsMin: number;
  readonly packetsMax: number;
  /** Mean IP length of a packet. */
  readonly packetBytes: number;
}

export interface Dependency {
  /** Application id, or one of the two groups that are in no application. */
  readonly client: string;
  readonly server: string;
  readonly proto: number;
  readonly port: number;
  /** Share of the turns, relative to the other dependencies. */
  readonly weight: number;
  readonly exchange: Exchange;
}

/** Name stem of the VMs that no application selects. */
export const LAB = 'lab';
export const EXTERNAL = 'external';
/** The reverse proxies; their VMs stand behind the switch with the way out, the only ones that talk to the outside. */
export const EDGE = 'edge';

export const TCP = 6;
export const UDP = 17;

const tcp = (id: string, port: number): App => ({ id, proto: TCP, port });

const FIRST: readonly App[] = [
  tcp(EDGE, 443),
  tcp('shop-web', 8443),
  tcp('shop-app', 8080),
  tcp('shop-db', 5432),
  tcp('cache', 6379),
  tcp('auth', 636),
  tcp('queue', 5672),
  tcp('backup', 8400),
  { id: 'monitoring', proto: UDP, port: 514 },
];
const SYSTEMS = ['crm', 'erp', 'mail', 'wiki', 'billing', 'stock', 'hr', 'search', 'media', 'maps', 'build', 'survey'];

/** The first `count` applications. */
export function applicationsOf(count: number): App[] {
  const apps = FIRST.slice(0, count);
  for (let i = 0; apps.length < count; i++) {
    const system = SYSTEMS[i] ?? `system${i + 1}`;
    apps.push(
      ...[tcp(`${system}-web`, 8443), tcp(`${system}-app`, 8080), tcp(`${system}-db`, 3306)].slice(
        0,
        count - apps.length,
      ),
    );
  }
  return apps;
}

const volume = (packetsMin: number, packetsMax: number, packetBytes: number): Volume => ({
  packetsMin,
  packetsMax,
  packetBytes,
});
const PAGE: Exchange = { request: volume(4, 20, 240), reply: volume(6, 120, 1200) };
const CALL: Exchange = { request: volume(3, 16, 400), reply: volume(3, 40, 900) };
const QUERY: Exchange = { request: volume(2, 10, 260), reply: volume(2, 60, 1000) };
const LOOKUP: Exchange = { request: volume(1, 3, 120), reply: volume(1, 6, 640) };
const POLL: Exchange = { request: volume(2, 4, 140), reply: volume(4, 12, 1100) };
const BULK: Exchange = { request: volume(60, 1200, 1440), reply: volume(30, 600, 68) };
const LOG: Exchange = { request: volume(1, 4, 380) };

const NODE_EXPORTER_PORT = 9100;
const SSH_PORT = 22;

export function dependenciesOf(apps: readonly App[]): Dependency[] {
  const byId = new Map(apps.map(app => [app.id, app]));
  const found: Dependency[] = [];
  const add = (client: string, server: string, weight: number, exchange: Exchange) => {
    const app = byId.get(server);
    if (app && (byId.has(client) || client === EXTERNAL || client === LAB)) {
      found.push({ client, server, proto: app.proto, port: app.port, weight, exchange });
    }
  };
  add(EXTERNAL, EDGE, 20, PAGE);
  for (const { id } of apps) {
    const [, system, tier] = /^(.*)-(web|app|db)$/.exec(id) ?? [];
    const size = system === 'shop' ? 3 : 1;
    if (tier === 'web') {
      add(EDGE, id, 8 * size, PAGE);
      add(id, `${system}-app`, 8 * size, CALL);
      add(id, 'auth', 2 * size, LOOKUP);
    }
    if (tier === 'app') {
      add(id, `${system}-db`, 6 * size, QUERY);
      add(id, 'cache', 5 * size, LOOKUP);
      add(id, 'queue', 2 * size, CALL);
      add(id, 'auth', size, LOOKUP);
    }
    if (tier === 'db') {
      add(id, id, 1.5 * size, BULK); // replication: a diagonal cell
      add(id, 'backup', 0.5 * size, BULK);
    }
    if (id !== 'monitoring') {
      add(id, 'monitoring', 0.6, LOG);
      // The port is on nobody's list, so this traffic shows as service `other` of the polled application.
      if (byId.has('monitoring'))
        found.push({
          client: 'monitoring',
          server: id,
          proto: TCP,
          port: NODE_EXPORTER_PORT,
          weight: 0.4,
          exchange: POLL,
        });
    }
  }
  add('queue', 'shop-app', 3, CALL);
  add(LAB, apps.at(-1)!.id, 1, CALL);
  add(LAB, 'shop-db', 1, QUERY);
  found.push({ client: LAB, server: LAB, proto: TCP, port: SSH_PORT, weight: 1, exchange: CALL });
  return found;
}
