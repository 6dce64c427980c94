// For tests: hosts in network namespaces on real Open vSwitch bridges (userspace datapath, no kernel module). Needs root.
// Everything lives in a folder and namespaces of its own and is taken down again. openLab has one bridge and two hosts;
// openvswitch-two-bridges.ts has two bridges, two VLANs and a hairpin.

import { type ChildProcess, type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const ETHERNET_BYTES = 14;

export interface Lab {
  /** Each host has an address in six subnets: six conversations that a matrix distinguishes. */
  readonly pairs: readonly (readonly [src: string, dst: string])[];
  /** `ovs-vsctl` with the lab's database. */
  vsctl(...args: string[]): string;
  readonly bridge: string;
  /** What the first host's interface has sent: IP bytes = bytes less 14 a packet. */
  sent(): { ipBytes: number };
  /** What the second host's interface has received: on a busy machine some is lost before the bridge and sent again. */
  received(): { ipBytes: number };
  /** TCP from the first host to the second, to one of its addresses; paced so that nothing is dropped before the bridge. */
  talk(megabytes: number, to: string): Promise<void>;
  down(): void;
}

export function labPossible(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Longer than any transfer of a test takes. */
const TRANSFER_MS_MAX = 20_000;
/** On a busy machine iperf3 may lose its control connection before it has sent anything. */
const TRANSFERS_MAX = 3;

interface TransferReport {
  readonly error?: string;
  readonly end?: { readonly sum_sent?: { readonly bytes?: number } };
}

/** Takes down again what a failed start has left. */
export function openSwitch(): VirtualSwitch {
  const opened = new VirtualSwitch();
  try {
    opened.start();
  } catch (error) {
    opened.down();
    throw error;
  }
  return opened;
}

/** The daemons of Open vSwitch, and namespaces with interfaces that are ports of its bridges. */
export class VirtualSwitch {
  /** Short, of this process: for names of devices, which have at most 15 characters. */
  readonly tag = process.pid.toString(36);
  readonly #folder = mkdtempSync(join(tmpdir(), 'hairpin-ovs-'));
  readonly #socket = join(this.#folder, 'db.sock');
  readonly #bridges: string[] = [];
  readonly #namespaces: string[] = [];
  readonly #ports: string[] = [];
  readonly #children = new Set<ChildProcess>();

  start(): void {
    const file = join(this.#folder, 'conf.db');
    this.run('ovsdb-tool', 'create', file, SCHEMA);
    this.run('ovsdb-server', file, `--remote=punix:${this.#socket}`, ...this.#daemon('ovsdb'));
    this.vsctl('--no-wait', 'init');
    this.run('ovs-vswitchd', `unix:${this.#socket}`, ...this.#daemon('vswitchd'));
  }

  run(command: string, ...args: string[]): string {
    const folder = this.#folder;
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder },
    });
  }

  vsctl(...args: string[]): string {
    return this.run('ovs-vsctl', `--db=unix:${this.#socket}`, '--timeout=10', ...args);
  }

  addBridge(name: string): void {
    this.vsctl('add-br', name, '--', 'set', 'bridge', name, 'datapath_type=netdev');
    this.#bridges.push(name);
  }

  addNamespace(name: string): void {
    this.run('ip', 'netns', 'add', name);
    this.#namespaces.push(name);
    this.run('ip', '-n', name, 'link', 'set', 'lo', 'up');
  }

  /** A pair of devices: one a port of the bridge, the other in the namespace, or in none. */
  addPort(bridge: string, port: string, device: string, namespace: string | undefined, ...settings: string[]): void {
    const at = namespace === undefined ? [] : ['netns', namespace];
    this.run('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', device, ...at);
    this.#ports.push(port);
    // The userspace datapath does not finish checksums that the kernel left to hardware.
    this.run('ethtool', '-K', port, 'tx', 'off');
    if (namespace === undefined) this.run('ethtool', '-K', device, 'tx', 'off');
    this.run('ip', 'link', 'set', port, 'up');
    if (namespace === undefined) this.run('ip', 'link', 'set', device, 'up');
    this.vsctl('add-port', bridge, port, ...settings);
  }

  /** An address, and no IPv6, whose neighbour discovery would be counted. */
  setUp(namespace: string, device: string, ...addresses: string[]): void {
    // Interfaces count a packet that the kernel would cut up later as one.
    this.#inside(namespace, 'ethtool', '-K', device, 'tx', 'off', 'tso', 'off', 'gso', 'off');
    quietly(() => this.#inside(namespace, 'sysctl', '-q', '-w', `net.ipv6.conf.${device}.disable_ipv6=1`));
    this.run('ip', '-n', namespace, 'link', 'set', device, 'up');
    for (const address of addresses) this.run('ip', '-n', namespace, 'addr', 'add', address, 'dev', device);
  }

  /** Bytes of the device less 14 a packet. */
  ipBytes(namespace: string, device: string, direction: 'tx' | 'rx'): number {
    const statistics = `/sys/class/net/${device}/statistics/${direction}`;
    const [bytes, packets] = this.#inside(namespace, 'cat', `${statistics}_bytes`, `${statistics}_packets`)
      .trim()
      .split('\n')
      .map(Number);
    return bytes! - ETHERNET_BYTES * packets!;
  }

  /**
   * TCP from one namespace to an address of another, paced so that nothing is dropped before the bridge. A transfer that
   * iperf3 has not finished is repeated: whoever compares takes the counters of the interfaces, which count every try.
   */
  async talk(from: string, to: string, address: string, megabytes: number): Promise<void> {
    const failures: string[] = [];
    while (failures.length < TRANSFERS_MAX) {
      const failure = await this.#transfer(from, to, address, megabytes);
      if (failure === undefined) return;
      failures.push(failure);
    }
    throw new Error(`${from} sent no ${megabytes} MB to ${address} in ${TRANSFERS_MAX} tries: ${failures.join('; ')}`);
  }

  down(): void {
    const folder = this.#folder;
    for (const child of this.#children) child.kill('SIGTERM');
    // Ended first, the daemon would leave their devices behind.
    for (const bridge of this.#bridges) quietly(() => this.vsctl('del-br', bridge));
    for (const name of ['vswitchd', 'ovsdb'])
      quietly(() => process.kill(Number(readFileSync(join(folder, `${name}.pid`), 'utf8')), 'SIGTERM'));
    for (const namespace of this.#namespaces) quietly(() => this.run('ip', 'netns', 'del', namespace));
    for (const port of this.#ports) quietly(() => this.run('ip', 'link', 'del', port));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #daemon(name: string): string[] {
    return [
      `--pidfile=${join(this.#folder, `${name}.pid`)}`,
      `--unixctl=${join(this.#folder, `${name}.ctl`)}`,
      '--detach',
      `--log-file=${join(this.#folder, `${name}.log`)}`,
    ];
  }

  #inside(namespace: string, ...command: string[]): string {
    return this.run('ip', 'netns', 'exec', namespace, ...command);
  }

  /** One run of iperf3; returns why it has not sent everything, or undefined. */
  async #transfer(from: string, to: string, address: string, megabytes: number): Promise<string | undefined> {
    const server = this.#iperf3(to, '-s', '-1', '--forceflush');
    const listens = await Promise.race([
      once(server.stdout, 'data').then(() => true),
      once(server, 'close').then(() => false),
    ]);
    if (!listens) return 'the server of iperf3 ended before it listened';
    server.stdout.resume();
    const ended = once(server, 'close');
    const client = this.#iperf3(from, '-J', '-c', address, '-n', `${megabytes}M`, '-b', '60M');
    const output = await text(client.stdout);
    server.kill('SIGTERM');
    // Its port is free for the next transfer.
    await ended;
    return transferFailure(output, megabytes);
  }

  #iperf3(namespace: string, ...args: string[]): ChildProcessByStdio<null, Readable, null> {
    const child = spawn('ip', ['netns', 'exec', namespace, 'iperf3', ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: TRANSFER_MS_MAX,
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Taking down goes on whatever is missing.
  }
}

/** Why the report of an iperf3 client shows no finished transfer. */
function transferFailure(output: string, megabytes: number): string | undefined {
  if (output === '') return `iperf3 ended without a report, within ${TRANSFER_MS_MAX / 1000} s`;
  const { error, end } = JSON.parse(output) as TransferReport;
  const bytes = end?.sum_sent?.bytes ?? 0;
  if (error === undefined && bytes >= megabytes * 1_000_000) return undefined;
  return `iperf3 sent ${bytes} bytes${error === undefined ? '' : ` (${error})`}`;
}

export function openLab(): Lab {
  const ovs = openSwitch();
  const { tag } = ovs;
  const bridge = `hb${tag}`;
  const hosts = [`hairpin-${tag}-a`, `hairpin-${tag}-b`] as const;
  const ports = [`ha${tag}`, `hb${tag}p`] as const;
  const pairs = [0, 1, 2, 3, 4, 5].map(subnet => [`10.77.${subnet}.1`, `10.77.${subnet}.2`] as const);
  try {
    ovs.addBridge(bridge);
    hosts.forEach((host, i) => {
      ovs.addNamespace(host);
      ovs.addPort(bridge, ports[i]!, 'eth0', host);
      ovs.setUp(host, 'eth0', ...pairs.map(pair => `${pair[i]}/24`));
    });
  } catch (error) {
    ovs.down();
    throw error;
  }
  return {
    pairs,
    bridge,
    vsctl: (...args) => ovs.vsctl(...args),
    down: () => ovs.down(),
    sent: () => ({ ipBytes: ovs.ipBytes(hosts[0], 'eth0', 'tx') }),
    received: () => ({ ipBytes: ovs.ipBytes(hosts[1], 'eth0', 'rx') }),
    talk: (megabytes, to) => ovs.talk(hosts[0], hosts[1], to, megabytes),
  };
}
