import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { untilAnswering } from './readiness.ts';

/** A child that ends before it answers, as the server does when it cannot start. */
function outcome(program: string): Promise<unknown> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  return untilAnswering(child, { port: 1, user: { name: 'u', password: 'p' }, folder: '/data/clickhouse' });
}

test.each([
  [
    'an installation without the engine',
    "await import('@chdb/lib-none')",
    'ENGINE_MISSING',
    /has no embedded ClickHouse for .+; give the URL of a server with --clickhouse$/,
  ],
  [
    'a folder in use',
    "console.error('Cannot lock file /data/status'); process.exit(1)",
    'DATA_FOLDER_TAKEN',
    /another process uses \/data\/clickhouse; stop it or give another folder with --data/,
  ],
  [
    'too low a limit of open files',
    "console.error('errno: 24, strerror: Too many open files'); process.exit(1)",
    'STORAGE_START_FAILED',
    /Too many open files; it needs a limit of 4096 open files: raise it with ulimit -n, or LimitNOFILE of the service$/,
  ],
  [
    'any other reason',
    "console.error('no memory'); process.exit(1)",
    'STORAGE_START_FAILED',
    /ClickHouse in \/data\/clickhouse exited while starting: no memory$/,
  ],
])('%s is an error that says what to do', async (_, program, code, message) => {
  await expect(outcome(program)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});
