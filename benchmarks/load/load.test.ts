// Real datagrams over loopback.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { requireTool } from '../../testing/requirements.ts';
import { startDemo } from './demo.ts';
import { runLoad } from './load.ts';
import { parseLoadOptions } from './options.ts';
import { truthChecker } from './truth.ts';

interface Received {
  readonly source: string;
  readonly version: number;
  readonly bytes: number;
}
let receiver: Socket;
let port: number;
let received: Received[];

beforeEach(async () => {
  received = [];
  receiver = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  receiver.on('message', (message, { address }) => {
    // sFlow has a version word of 32 bits.
    received.push({
      source: address,
      version: message.readUInt16BE(0) || message.readUInt32BE(0),
      bytes: message.length,
    });
  });
  receiver.bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  ({ port } = receiver.address());
});
afterEach(() => {
  receiver.close();
});

/** Loopback delivers in order, but the event loop reads when it gets to it. */
async function untilReceived(count: number): Promise<void> {
  while (received.length < count) await once(receiver, 'message');
}

test('keeps its rate, sends from an address per bridge, and writes truth and documents', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hairpin-load-'));
  try {
    const truth = join(folder, 'truth.json');
    const options = parseLoadOptions({
      to: `127.0.0.1:${port}`,
      rate: 2000,
      seconds: 1,
      protocol: 'netflow5,ipfix',
      truth,
      documents: folder,
    });
    const summary = await runLoad(options);
    // A turn is never cut, and the last slot ends within the second.
    expect(Math.abs(summary.flows - 2000)).toBeLessThanOrEqual(2);
    expect(summary.elapsedS).toBeGreaterThanOrEqual(1);
    expect(summary.sendErrors).toBe(0);
    await untilReceived(summary.datagrams);
    expect(received).toHaveLength(summary.datagrams);
    expect(received.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(summary.datagramBytes);
    expect(new Set(received.map(({ version }) => version))).toEqual(new Set([5, 10]));
    const exporters = JSON.parse(await readFile(join(folder, 'exporters.json'), 'utf8')).exporters;
    expect(new Set(exporters.map(({ address }: { address: string }) => address))).toEqual(
      new Set(received.map(({ source }) => source)),
    );
    expect(truthChecker.parse('truth', await readFile(truth, 'utf8'))).toEqual(summary.truth);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('stops when it is asked to, and says how far it came', async () => {
  const abort = new AbortController();
  const options = parseLoadOptions({ to: `127.0.0.1:${port}`, rate: 1000, seconds: 3600 });
  const running = runLoad(options, { signal: abort.signal });
  await untilReceived(1);
  abort.abort();
  const { flows, elapsedS, truth } = await running;
  expect(elapsedS).toBeLessThan(60);
  expect(truth.flows).toBe(flows);
});

test('without seconds it only writes the documents', async () => {
  const summary = await runLoad(parseLoadOptions({ to: `127.0.0.1:${port}`, seconds: 0 }));
  expect([summary.flows, summary.datagrams, summary.documents.inventory.vms.length]).toEqual([0, 0, 60]);
});

const listsDescriptors = requireTool(
  '/proc/self/fd',
  process.platform === 'linux',
  'open sockets are counted on Linux only',
);

test.runIf(listsDescriptors)('a Hairpin that cannot start for the demo leaves no socket open', async () => {
  const sockets = () =>
    readdirSync('/proc/self/fd').filter(fd => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
      } catch {
        return false; // the folder's own descriptor
      }
    }).length;
  const before = sockets();
  let during = 0;
  const onDocuments = () => {
    during = sockets();
    return Promise.reject(new Error('port taken'));
  };
  const failing = startDemo({}, { to: { host: '127.0.0.1', ports: [port] }, onDocuments });
  await expect(failing).rejects.toThrow('port taken');
  expect([during - before, sockets() - before]).toEqual([3, 0]);
});

test('the demo reports its past first, then talks on; its truth grows when it stops', async () => {
  let protocols: (string | undefined)[] = [];
  let vmsInNoApplication = 0;
  const demo = await startDemo(
    { pastMinutes: 10 },
    {
      to: { host: '127.0.0.1', ports: [port] },
      onDocuments: async ({ inventory, exporters }) => {
        protocols = exporters.exporters.map(({ protocol }) => protocol);
        vmsInNoApplication = inventory.vms.filter(({ name }) => name.startsWith('lab-')).length;
      },
    },
  );
  expect([protocols, vmsInNoApplication, received.length]).toEqual([['netflow9', 'ipfix', 'sflow5'], 1, 0]);
  await demo.pastReported;
  const past = demo.truth();
  expect(past.flows).toBeGreaterThan(1000);
  expect(Date.parse(past.to) % 300_000).toBe(0);
  expect(Date.parse(past.to)).toBeLessThanOrEqual(Date.now());
  const isSflow = ({ version }: Received) => version === 5;
  expect(received.some(isSflow)).toBe(false);
  while (!received.some(isSflow)) await once(receiver, 'message');
  await demo.stop();
  expect(demo.truth().flows).toBeGreaterThan(past.flows);
  expect(new Set(received.map(({ version }) => version))).toEqual(new Set([5, 9, 10]));
});
