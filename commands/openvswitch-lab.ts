// For tests: two hosts in network namespaces on a real Open vSwitch bridge (userspace datapath, no kernel module). Needs
// root. Everything lives in a folder and namespaces of its own and is taken down again.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const ETHERNET_BYTES = 14;

export interface Lab {
  readonly addresses: readonly [string, string];
  /** `ovs-vsctl` with the lab's database. */
  vsctl(...args: string[]): string;
  readonly bridge: string;
  /** What the first host's interface has sent: its own counters, and IP bytes = bytes less 14 a packet. */
  sent(): { packets: number; ipBytes: number };
  /** TCP from the first host to the second, paced so that nothing is dropped before the bridge. */
  talk(megabytes: number): Promise<void>;
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
  const addresses = ['10.77.0.1', '10.77.0.2'] as const;
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
      run('ip', '-n', host, 'addr', 'add', `${addresses[i]}/24`, 'dev', 'eth0');
      vsctl('add-port', bridge, ports[i]!);
    });
  } catch (error) {
    down();
    throw error;
  }

  const counter = (name: string) =>
    Number(run('ip', 'netns', 'exec', hosts[0], 'cat', `/sys/class/net/eth0/statistics/${name}`));
  return {
    addresses,
    bridge,
    vsctl,
    down,
    sent() {
      const packets = counter('tx_packets');
      return { packets, ipBytes: counter('tx_bytes') - ETHERNET_BYTES * packets };
    },
    async talk(megabytes) {
      const server = spawn('ip', ['netns', 'exec', hosts[1], 'iperf3', '-s', '-1', '--forceflush'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await new Promise<void>(resolve => server.stdout!.once('data', () => resolve()));
      const client = spawn(
        'ip',
        ['netns', 'exec', hosts[0], 'iperf3', '-c', addresses[1], '-n', `${megabytes}M`, '-b', '60M'],
        { stdio: 'ignore' },
      );
      await new Promise<void>(resolve => client.once('exit', () => resolve()));
      server.kill('SIGTERM');
    },
  };
}
