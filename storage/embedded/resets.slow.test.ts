// Connections that a stranger on this machine opens to the embedded ClickHouse and resets: the engine ends, which nobody can
// prevent without isolating its port, and is back at once, however often. A crash of its own still backs off.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog, type Log } from '../../service/log.ts';
import { resetConnection } from '../../testing/resets.ts';
import { until } from '../../testing/spawned.ts';
import { EmbeddedServer } from './embedded.ts';

const CONNECTIONS = 150;

let folder: string;
let server: EmbeddedServer;
/** Pauses that were logged. */
let pauses: number[];
let port: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hairpin-resets-'));
  pauses = [];
  const log = createLog('test', 'silent' as never);
  const recording = Object.assign(Object.create(log), {
    error: (values: { pauseMs: number }) => pauses.push(values.pauseMs),
  }) as Log;
  server = new EmbeddedServer({ folder, port: 0, log: recording });
  port = Number(new URL((await server.start()).url).port);
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('resets end the engine; each time it is restarted after the shortest pause', async () => {
  const deadline = Date.now() + 90_000;
  while (pauses.length < 6 && Date.now() < deadline)
    await Promise.all(Array.from({ length: CONNECTIONS }, () => resetConnection(port)));
  expect(pauses.length, 'ends of the engine').toBeGreaterThanOrEqual(6);
  expect(new Set(pauses)).toEqual(new Set([100]));
  await until(async () => (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) !== undefined, 5000);
}, 120_000);

test('crashes of its own are followed by growing pauses', async () => {
  for (let crash = 1; crash <= 3; crash++) {
    process.kill(server.pid()!, 'SIGABRT');
    await until(() => pauses.length === crash && server.restarts() === crash, 20_000, `restart ${crash}`);
    await until(async () => (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) !== undefined, 20_000);
    await sleep(200);
  }
  expect(pauses).toEqual([100, 200, 400]);
}, 90_000);
