// What ends when its npm does, and what does not. A program that carries the name that npm gives itself stands for npm.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
let server: Server;
let parent: ChildProcess;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hairpin-test-npm-'));
  server = createServer().listen(join(folder, 'socket'));
  await once(server, 'listening');
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** The child of a process of that name, which says over a socket that it runs, and why it stops. */
async function startChild(name: string, shell: boolean): Promise<AsyncIterator<string>> {
  const child = `
    import { connect } from 'node:net';
    import { stopSignal } from ${JSON.stringify(new URL('./lifecycle.ts', import.meta.url).href)};
    const socket = connect(${JSON.stringify(join(folder, 'socket'))});
    const parent = process.ppid;
    socket.on('close', () => process.exit());
    void stopSignal().then(reason => socket.end(reason + '\\n'));
    socket.write('runs\\n');
    const orphaned = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(orphaned);
      setTimeout(() => socket.write('still runs\\n'), 2500);
    }, 20);`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', child];
  const start = shell
    ? `spawn('sh', ['-c', '"$0" "$@"; :', process.execPath, ...${JSON.stringify(args)}])`
    : `spawn(process.execPath, ${JSON.stringify(args)})`;
  parent = spawn(process.execPath, [
    '--eval',
    `process.title = ${JSON.stringify(name)}; require('node:child_process').${start}; setInterval(() => {}, 1000);`,
  ]);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const lines = createInterface(socket)[Symbol.asyncIterator]();
  expect(await lines.next()).toEqual({ done: false, value: 'runs' });
  return lines;
}

test.each([
  ['SIGTERM', true],
  ['SIGKILL', true],
  ['SIGKILL', false],
] as const)('it stops after %s to the npm that started it (through a shell: %s)', async (signal, shell) => {
  const lines = await startChild('npm exec hairpin start', shell);
  parent.kill(signal);
  expect(await lines.next()).toEqual({ done: false, value: 'npm has ended' });
});

test('it runs on after the end of another parent, as what a service manager or a shell started in the background', async () => {
  const lines = await startChild('launcher', false);
  parent.kill('SIGKILL');
  expect(await lines.next()).toEqual({ done: false, value: 'still runs' });
});
