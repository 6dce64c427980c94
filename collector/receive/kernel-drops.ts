// Datagrams that the kernel dropped because a receive buffer was full, from the `drops` column of /proc/net/udp and
// udp6 (Linux; zero elsewhere). The kernel reports them nowhere else.

import { readFile } from 'node:fs/promises';

const TABLES = ['/proc/net/udp', '/proc/net/udp6'];

export interface KernelDrops {
  /** Datagrams dropped since the last reading, by all sockets bound to the ports. */
  read(): Promise<number>;
}

/** Keeps the count of each socket apart: a socket that was opened again starts at zero. */
export function createKernelDrops(ports: ReadonlySet<number>): KernelDrops {
  let known = new Map<string, number>();
  return {
    async read() {
      const texts = await Promise.all(TABLES.map(file => readFile(file, 'utf8').catch(() => '')));
      const now = new Map(texts.flatMap(text => [...dropsIn(text, ports)]));
      let more = 0;
      for (const [inode, drops] of now) more += Math.max(0, drops - (known.get(inode) ?? 0));
      known = now;
      return more;
    },
  };
}

/** Drops by inode. `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops` */
export function dropsIn(table: string, ports: ReadonlySet<number>): Map<string, number> {
  const drops = new Map<string, number>();
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
    if (ports.has(port)) drops.set(fields[9] ?? '', Number(fields[12] ?? 0));
  }
  return drops;
}
