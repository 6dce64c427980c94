// Datagrams that the kernel dropped because a receive buffer was full, from the `drops` column of /proc/net/udp and
// udp6 (Linux; zero elsewhere). The kernel tells nobody else.

import { readFile } from 'node:fs/promises';

const TABLES = ['/proc/net/udp', '/proc/net/udp6'];

/** Sum over the sockets bound to any of `ports`. */
export async function readKernelDrops(ports: ReadonlySet<number>): Promise<number> {
  const texts = await Promise.all(TABLES.map(file => readFile(file, 'utf8').catch(() => '')));
  return texts.reduce((sum, text) => sum + dropsIn(text, ports), 0);
}

/** `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops` */
export function dropsIn(table: string, ports: ReadonlySet<number>): number {
  let drops = 0;
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
    if (ports.has(port)) drops += Number(fields[12] ?? 0);
  }
  return drops;
}
