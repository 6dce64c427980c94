import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endedByPeer, sizeOf } from './ended-by-peer.ts';

let log: string;
beforeEach(() => {
  log = join(mkdtempSync(join(tmpdir(), 'hairpin-log-')), 'server.log');
});
afterEach(() => rmSync(join(log, '..'), { recursive: true, force: true }));

// As version 26.7.2.1 of the engine writes them.
const HEAD = '2026.11.30 16:35:11.685893 [ 12112 ] {} <Fatal> ClientBase: (version 26.7.2.1) (from thread 12283) ';
const terminate = (code: number, text: string) =>
  `${HEAD}Terminate called for uncaught exception:\n` +
  `2026.11.30 16:35:11.685940 [ 12112 ] {} <Fatal> ClientBase: Poco::Exception. Code: 1000, e.code() = ${code}, ${text}, Stack trace\n` +
  '2026.11.30 16:35:11.686069 [ 12112 ] {} <Fatal> ClientBase: Signal description: Aborted\n';

test('a reset that the engine did not catch is of the peer; anything else is its own', () => {
  expect([endedByPeer(log, 0), sizeOf(log)]).toEqual([false, 0]);
  writeFileSync(log, terminate(104, 'Connection reset by peer'));
  expect(endedByPeer(log, 0)).toBe(true);
  // The other form: the engine's own exception.
  const own = terminate(0, '').replace(
    /Poco::.*, ,/,
    'Code: 210. DB::NetException: Connection reset by peer, while reading,',
  );
  writeFileSync(log, own);
  expect([endedByPeer(log, 0), own.includes('Code: 210')]).toEqual([true, true]);
  appendFileSync(log, terminate(28, 'No space left on device'));
  expect(endedByPeer(log, 0)).toBe(false);
  appendFileSync(log, `${HEAD}Signal description: Segmentation fault\n`);
  expect(endedByPeer(log, 0)).toBe(false);
});

test('only what this engine has written counts, also when the log was rotated or is long', () => {
  writeFileSync(log, terminate(104, 'Connection reset by peer'));
  const before = sizeOf(log);
  appendFileSync(log, '2026.11.30 16:36:00 [ 1 ] {} <Warning> Application: out of memory\n');
  expect(endedByPeer(log, before)).toBe(false);
  writeFileSync(log, `${'x'.repeat(99)}\n`.repeat(10_000) + terminate(107, 'Socket is not connected'));
  expect(endedByPeer(log, before)).toBe(true);
  writeFileSync(log, terminate(32, 'Broken pipe'));
  expect(endedByPeer(log, 10 * before)).toBe(true);
});
