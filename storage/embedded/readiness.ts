// Whether the embedded server can start, and when it answers: its folder, its port, its first response, its errors.

import type { ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder } from '../../service/data-folder.ts';
import { HairpinError } from '../../service/errors.ts';
import { authorization, HOST, type User } from './configuration.ts';

const START_MS_MAX = 120_000;
const POLL_MS = 20;
const MESSAGE_BYTES_MAX = 8192;

/** Creates the folder where it is missing. */
export function checkFolder(folder: string): void {
  try {
    makeFolder(folder);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new HairpinError(
      'DATA_FOLDER_UNUSABLE',
      `${folder} cannot be written (${(error as Error).message}); give another one with --data`,
      error,
    );
  }
}

/** The port itself when it is free, any free one for 0. */
export function freePort(wanted: number): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => failed(portTaken(wanted, error)));
    probe.listen(wanted, HOST, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : wanted;
      probe.close(() => done(port));
    });
  });
}

function portTaken(port: number, cause?: unknown): HairpinError {
  return new HairpinError(
    'PORT_TAKEN',
    `ClickHouse cannot listen on ${HOST}:${port}; free it or give another --clickhouse-port`,
    cause,
  );
}

export interface Expected {
  readonly port: number;
  readonly user: User;
  /** For messages. */
  readonly folder: string;
}

/** Resolves when the server answers the user; rejects with a HairpinError when it exits first or takes too long. */
export async function untilAnswering(child: ChildProcess, { port, user, folder }: Expected): Promise<void> {
  let message = '';
  let failure: string | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    message = (message + text).slice(-MESSAGE_BYTES_MAX);
  });
  child.stdin?.on('error', () => {}); // the pipe of a child that crashed; its exit code says more
  child.once('error', error => {
    failure = error.message;
  });
  child.once('close', (code, signal) => {
    failure = message.trim() || `it exited with ${signal ?? `code ${code}`}`;
  });
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline) {
    if (failure !== undefined) throw startError(failure, folder, port);
    if ((await responds(port, user)) && failure === undefined) return;
    await sleep(POLL_MS);
  }
  child.kill('SIGKILL');
  throw new HairpinError(
    'STORAGE_START_FAILED',
    `ClickHouse in ${folder} did not answer within ${START_MS_MAX / 1000} s; see ${folder}/server.log`,
  );
}

/** On a connection of its own: an idle one would delay the server's exit. */
function responds(port: number, user: User): Promise<boolean> {
  return new Promise(done => {
    const request = get(
      `http://${HOST}:${port}/?query=SELECT%201`,
      { agent: false, headers: { authorization: authorization(user), connection: 'close' } },
      response => {
        response.resume();
        done(response.statusCode === 200);
      },
    );
    request.on('error', () => done(false));
  });
}

function startError(message: string, folder: string, port: number): HairpinError {
  if (message.includes('Cannot lock file')) {
    return new HairpinError(
      'DATA_FOLDER_TAKEN',
      `another process uses ${folder}; stop it or give another folder with --data`,
      message,
    );
  }
  if (message.includes('Address already in use')) return portTaken(port, message);
  if (message.includes('MODULE_NOT_FOUND')) {
    return new HairpinError(
      'ENGINE_MISSING',
      `this installation has no embedded ClickHouse for ${process.platform} ${process.arch}; give the URL of a server with --clickhouse`,
      message,
    );
  }
  // Idle it has some 120 files open; inserts, merges and connections take more.
  const remedy = message.includes('Too many open files')
    ? '; it needs a limit of 4096 open files: raise it with ulimit -n, or LimitNOFILE of the service'
    : '';
  return new HairpinError('STORAGE_START_FAILED', `ClickHouse in ${folder} exited while starting: ${message}${remedy}`);
}
