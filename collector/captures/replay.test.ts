import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pcapOf } from '../../testing/data/pcap-writer.ts';
import { replayCapture } from './replay.ts';

vi.mock('node:timers/promises', async original => {
  const real = await original<typeof import('node:timers/promises')>();
  return { ...real, setTimeout: vi.fn(real.setTimeout) };
});

const folder = mkdtempSync(join(tmpdir(), 'hairpin-replay-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A capture with a datagram at each of `timesMs`, whose payload is its number. */
function capture(...timesMs: readonly number[]): string {
  const file = join(folder, 'capture.pcap');
  const endpoint = { srcAddress: '192.0.2.7', srcPort: 5000, dstAddress: '192.0.2.1', dstPort: 2055 };
  writeFileSync(
    file,
    pcapOf(timesMs.map((timeMs, i) => ({ payload: Uint8Array.of(9, 9, 9, i), timeMs, ...endpoint }))),
  );
  return file;
}

let socket: Socket;
const received: { payload: Buffer; atMs: number }[] = [];
beforeEach(async () => {
  received.length = 0;
  socket = createSocket('udp4');
  socket.on('message', payload => received.push({ payload, atMs: performance.now() }));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
});
afterEach(() => socket.close());

async function replay(file: string, rate: number): Promise<{ sent: number; elapsedMs: number }> {
  const startedAt = performance.now();
  const sent = await replayCapture(file, { to: `127.0.0.1:${socket.address().port}`, rate });
  const elapsedMs = performance.now() - startedAt;
  while (received.length < sent) await once(socket, 'message');
  expect(received.map(({ payload }) => [...payload])).toEqual(received.map((_, i) => [9, 9, 9, i]));
  return { sent, elapsedMs };
}

test('a capture is sent at its own pace, a step back in time without a pause', async () => {
  const { sent, elapsedMs } = await replay(capture(1000, 1100, 1000, 1150), 0);
  expect(sent).toBe(4);
  expect(elapsedMs).toBeGreaterThanOrEqual(249);
  expect(elapsedMs).toBeLessThan(1500);
});

test('a pause of the capture is kept for 5 s at most', async () => {
  vi.mocked(sleep).mockClear().mockResolvedValueOnce(undefined);
  await replay(capture(0, 86_400_000), 0);
  expect(vi.mocked(sleep).mock.calls).toHaveLength(1);
  expect(vi.mocked(sleep).mock.calls[0]![0]).toBeGreaterThan(4000);
  expect(vi.mocked(sleep).mock.calls[0]![0]).toBeLessThanOrEqual(5000);
});

test('a capture is sent at the rate asked for, whatever its own pace', async () => {
  const { sent, elapsedMs } = await replay(capture(0, 86_400_000, ...Array<number>(49).fill(86_400_000)), 250);
  expect(sent).toBe(51);
  expect(elapsedMs).toBeGreaterThanOrEqual(199); // 50 intervals of 4 ms
  expect(elapsedMs).toBeLessThan(1500);
});

test('what cannot be sent is one clear error', async () => {
  const send = (to: string) => replayCapture(capture(0), { to, rate: 0 });
  await expect(send('127.0.0.1:99999')).rejects.toMatchObject({ code: 'SEND_FAILED' });
  await expect(replayCapture(join(folder, 'none'), { to: '127.0.0.1:9', rate: 0 })).rejects.toMatchObject({
    code: 'CAPTURE_UNREADABLE',
  });
});
