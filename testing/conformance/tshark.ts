// tshark over many captures at once: its start takes longer than its work, so the datagrams of all of them go into few
// captures, an address for each exporter of each, and what it says is distinguished by address.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CapturedDatagram } from '../../collector/captures/capture.ts';

/** A frame, or part of one: JSON as tshark writes it. */
export type Tree = { readonly [name: string]: Tree | string | readonly (Tree | string)[] };

const FLOW_PORT = 2055;
const SFLOW_PORT = 6343;
const CAPTURE_BYTES = 1_500_000;
const PROCESSES = 2;
/** What stands behind a VXLAN header is written beside the sFlow datagram, not into the sample. */
const LAYERS = 'cflow sflow ip ipv6 eth udp tcp vxlan icmpv6';

const run = promisify(execFile);

/** The frames of each list of datagrams, in their order. */
export async function dissect(lists: readonly (readonly CapturedDatagram[])[]): Promise<Tree[][]> {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-tshark-'));
  try {
    const captures = split(lists).map((part, i) => {
      const file = join(folder, `${i}.pcap`);
      writeFileSync(file, captureOf(lists, part));
      return file;
    });
    const frames: Tree[] = [];
    const next = captures[Symbol.iterator]();
    const work = async () => {
      for (const file of next) frames.push(...(await read(file)));
    };
    await Promise.all(Array.from({ length: PROCESSES }, work));
    const byList = Map.groupBy(frames, frame => listOf(texts(all(frame['ip'])[0], 'ip.src')[0]!));
    return lists.map((_, i) => byList.get(i) ?? []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function read(file: string): Promise<Tree[]> {
  const ports = ['-d', `udp.port==${FLOW_PORT},cflow`, '-d', `udp.port==${SFLOW_PORT},sflow`];
  const args = ['-r', file, ...ports, '-T', 'json', '--no-duplicate-keys', '-J', LAYERS];
  const { stdout } = await run('tshark', args, { maxBuffer: 2 ** 29, env: { ...process.env, TZ: 'UTC' } });
  return (JSON.parse(stdout) as { _source: { layers: Tree } }[]).map(frame => frame._source.layers);
}

/** Source address, port and payload length of every UDP datagram of capture files, read by tshark itself. */
export async function datagramsOfFiles(files: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-tshark-'));
  try {
    const merged = join(folder, 'merged.pcapng');
    await run('mergecap', ['-a', '-w', merged, ...files]);
    const fields = ['frame.protocols', 'ip.src', 'ipv6.src', 'udp.srcport', 'udp.length'];
    const args = ['-r', merged, '-o', 'ip.defragment:FALSE', '-T', 'fields', '-E', 'occurrence=f'];
    const { stdout } = await run('tshark', [...args, ...fields.flatMap(field => ['-e', field])], {
      maxBuffer: 2 ** 26,
    });
    return stdout
      .split('\n')
      .map(line => line.split('\t'))
      .flatMap(([layers, ipv4, ipv6, port, length]) => {
        const [, network] = /^[^:]+(?::ethertype|:vlan)*:(ip|ipv6):udp/.exec(layers!) ?? [];
        return network ? [`${network === 'ip' ? ipv4 : ipv6} ${port} ${Number(length) - 8}`] : [];
      });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Numbers of lists, together about as long as a capture may be. */
function split(lists: readonly (readonly CapturedDatagram[])[]): number[][] {
  const parts: number[][] = [[]];
  let bytes = 0;
  for (const [i, list] of lists.entries()) {
    bytes += list.reduce((sum, { payload }) => sum + payload.length, 0);
    parts.at(-1)!.push(i);
    if (bytes > CAPTURE_BYTES) {
      parts.push([]);
      bytes = 0;
    }
  }
  return parts.filter(part => part.length > 0);
}

/** A capture of raw IPv4 packets. */
function captureOf(lists: readonly (readonly CapturedDatagram[])[], part: readonly number[]): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32BE(0xa1b2c3d4);
  head.writeUInt16BE(2, 4);
  head.writeUInt16BE(4, 6);
  head.writeUInt32BE(262144, 16);
  head.writeUInt32BE(101, 20);
  const frames = part.flatMap(list => {
    const sources = new Map<string, number>();
    return lists[list]!.flatMap(({ payload, source, sourcePort, timeMs }) => {
      const exporter = sources.get(source) ?? sources.size + 1;
      sources.set(source, exporter);
      if (exporter > 255) throw new Error(`list ${list} has more than 255 exporters`);
      const frame = Buffer.alloc(16 + 28);
      const length = 28 + payload.length;
      frame.writeUInt32BE(Math.floor(timeMs / 1000));
      frame.writeUInt32BE((timeMs % 1000) * 1000, 4);
      frame.writeUInt32BE(length, 8);
      frame.writeUInt32BE(length, 12);
      frame.writeUInt8(0x45, 16);
      frame.writeUInt16BE(length, 18);
      frame.writeUInt8(64, 24);
      frame.writeUInt8(17, 25);
      frame.set([10, list >>> 8, list & 255, exporter, 10, 255, 255, 255], 28);
      frame.writeUInt16BE(sourcePort, 36);
      // sFlow begins with a word, the other protocols with half a word.
      frame.writeUInt16BE(payload[0] === 0 && payload[1] === 0 ? SFLOW_PORT : FLOW_PORT, 38);
      frame.writeUInt16BE(length - 20, 40);
      return [frame, payload];
    });
  });
  return Buffer.concat([head, ...frames]);
}

function listOf(address: string): number {
  const [, high, low] = address.split('.').map(Number);
  return high! * 256 + low!;
}

export function all(value: unknown): readonly Tree[] {
  return value === undefined ? [] : ((Array.isArray(value) ? value : [value]) as Tree[]);
}

export function texts(tree: Tree | undefined, name: string): string[] {
  return all(tree?.[name]) as unknown as string[];
}

/** Leaves out what is not reported; a decimal or hexadecimal number becomes one. */
export function numbers(expected: Readonly<Record<string, string | undefined>>): Record<string, string | number> {
  const entries = Object.entries(expected).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(
    entries.map(([column, text]) => [column, /^(\d+|0x[\da-f]+)$/.test(text) ? Number(text) : text]),
  );
}
