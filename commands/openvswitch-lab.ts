// For tests: two hosts in network namespaces on a real Open vSwitch bridge (userspace datapath, no kernel module). Needs
// root. Everything lives in a folder and namespaces of its own and is taken down again.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const ETHERNET_BYTES = 14;

export interface Lab {
  /** Each host has an address in six subnets: six conversations that a matrix tells apart. */
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

export function openLab(): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-ovs-'));
  const tag = process.pid.toString(36);
  const bridge = `hb${tag}`;
  const hosts = [`hairpin-${tag}-a`, `hairpin-${tag}-b`] as const;
  const ports = [`ha${tag}`, `hb${tag}p`] as const;
  const pairs = [0, 1, 2, 3, 4, 5].map(subnet => [`10.77.${subnet}.1`, `10.77.${subnet}.2`] as const);
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder },
    });
  const database = `unix:${join(folder, 'db.sock')}`;
  const vsctl = (...args: string[]) => run('ovs-vsctl', `--db=${database}`, '--timeout=10', ...args);
  const daemon = (name: string) => [
    `--pidfile=${join(folder, `${name}.pid`)}`,
    `--unixctl=${join(folder, `${name}.ctl`)}`,
    '--detach',
    `--log-file=${join(folder, `${name}.log`)}`,
  ];
  const quietly = (work: () => void) => {
    try {
      work();
    } catch {
      // Taking down goes on whatever is missing.
    }
  };
  const down = () => {
    for (const name of ['vswitchd', 'ovsdb'])
      quietly(() => process.kill(Number(readFileSync(join(folder, `${name}.pid`), 'utf8')), 'SIGTERM'));
    for (const host of hosts) quietly(() => run('ip', 'netns', 'del', host));
    for (const port of ports) quietly(() => run('ip', 'link', 'del', port));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };

  try {
    const file = join(folder, 'conf.db');
    run('ovsdb-tool', 'create', file, SCHEMA);
    run('ovsdb-server', file, `--remote=punix:${join(folder, 'db.sock')}`, ...daemon('ovsdb'));
    vsctl('--no-wait', 'init');
    run('ovs-vswitchd', database, ...daemon('vswitchd'));
    vsctl('add-br', bridge, '--', 'set', 'bridge', bridge, 'datapath_type=netdev');
    hosts.forEach((host, i) => {
      run('ip', 'netns', 'add', host);
      run('ip', 'link', 'add', ports[i]!, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host);
      // The userspace datapath does not finish checksums that the kernel left to hardware.
      run('ethtool', '-K', ports[i]!, 'tx', 'off');
      run('ip', 'netns', 'exec', host, 'ethtool', '-K', 'eth0', 'tx', 'off');
      run('ip', 'link', 'set', ports[i]!, 'up');
      run('ip', '-n', host, 'link', 'set', 'lo', 'up');
      run('ip', '-n', host, 'link', 'set', 'eth0', 'up');
      for (const pair of pairs) run('ip', '-n', host, 'addr', 'add', `${pair[i]}/24`, 'dev', 'eth0');
      vsctl('add-port', bridge, ports[i]!);
    });
  } catch (error) {
    down();
    throw error;
  }

  const ipBytes = (host: string, direction: 'tx' | 'rx') => {
    const statistics = '/sys/class/net/eth0/statistics';
    const files = [`${statistics}/${direction}_bytes`, `${statistics}/${direction}_packets`];
    const [bytes, packets] = run('ip', 'netns', 'exec', host, 'cat', ...files)
      .trim()
      .split('\n')
      .map(Number);
    return bytes! - ETHERNET_BYTES * packets!;
  };
  return {
    pairs,
    bridge,
    vsctl,
    down,
    sent: () => ({ ipBytes: ipBytes(hosts[0], 'tx') }),
    received: () => ({ ipBytes: ipBytes(hosts[1], 'rx') }),
    async talk(megabytes, to) {
      const server = spawn('ip', ['netns', 'exec', hosts[1], 'iperf3', '-s', '-1', '--forceflush'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await new Promise<void>(resolve => server.stdout!.once('data', () => resolve()));
      const client = spawn('ip', ['netns', 'exec', hosts[0], 'iperf3', '-c', to, '-n', `${megabytes}M`, '-b', '60M'], {
        stdio: 'ignore',
      });
      await new Promise<void>(resolve => client.once('exit', () => resolve()));
      server.kill('SIGTERM');
    },
  };
}
