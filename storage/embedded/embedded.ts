// The embedded ClickHouse as a supervised child process: started once its folder and port are known to be usable,
// restarted with growing pauses when it crashes (with the shortest one where a peer's reset ended it), stopped with its parent. Port and passwords stay the same over restarts,
// so clients only meet refused connections for a moment. embedded-server.ts is the program of the child.
//
// The engine's own session is the user `default` with an empty password, which HTTP would accept from every program on this
// machine. The HTTP handlers therefore answer only requests with the credentials of one of the two generated users;
// everything else is 404.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Log } from '../../service/log.ts';
import { Backoff, type Failure, retry } from '../../service/retry.ts';
import { HOST, serverConfiguration, type User, usersConfiguration } from './configuration.ts';
import { revokeTokens } from './deduplication-log.ts';
import { endedByPeer, sizeOf } from './ended-by-peer.ts';
import { checkFolder, freePort, untilAnswering } from './readiness.ts';

const PROGRAM = fileURLToPath(new URL('./embedded-server.ts', import.meta.url));
const STOP_MS_MAX = 15_000;
const RESTART_PAUSES = { pauseMsMin: 100, pauseMsMax: 30_000 };
/** A server that ran for this long is restarted with the shortest pause. */
const STEADY_MS = 60_000;

export interface EmbeddedOptions {
  /** Holds the database (`db`) and the server's log (`server.log`); created when missing. */
  readonly folder: string;
  /** HTTP port on 127.0.0.1; 0 picks a free one. */
  readonly port: number;
  readonly log: Log;
  /** For tests of several servers: they query each other once each has received SYSTEM START LISTEN TCP. */
  readonly cluster?: EmbeddedCluster;
}

export interface EmbeddedCluster {
  readonly tcpPort: number;
  /** The element `remote_servers` of its configuration. */
  readonly remoteServers: string;
  /** Of both users, on every server. */
  readonly password: string;
}

export interface EmbeddedAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** May read every table and nothing else. */
  readonly readUser: string;
  readonly readPassword: string;
}

export class EmbeddedServer {
  readonly #root: string;
  readonly #log: Log;
  readonly #cluster: EmbeddedCluster | undefined;
  readonly #owner: User;
  readonly #reader: User;
  #port: number;
  #child: ChildProcess | undefined;
  #restarts = 0;
  /** Size of the server's log when the child was started. */
  #logBytes = 0;
  readonly #stopping = new AbortController();
  readonly #backoff = new Backoff(RESTART_PAUSES);

  constructor({ folder, port, log, cluster }: EmbeddedOptions) {
    const newPassword = () => cluster?.password ?? randomBytes(24).toString('hex');
    this.#root = resolve(folder);
    this.#log = log;
    this.#cluster = cluster;
    this.#owner = { name: 'hairpin', password: newPassword() };
    this.#reader = { name: 'hairpin_reader', password: newPassword() };
    this.#port = port;
  }

  /** Resolves when the server answers; throws a HairpinError when it cannot start. */
  async start(): Promise<EmbeddedAddress> {
    checkFolder(this.#root);
    this.#port = await freePort(this.#port);
    await this.#launch();
    return {
      url: `http://${HOST}:${this.#port}`,
      user: this.#owner.name,
      password: this.#owner.password,
      readUser: this.#reader.name,
      readPassword: this.#reader.password,
    };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#child) await end(this.#child);
  }

  /** How often the server crashed and was restarted. */
  restarts(): number {
    return this.#restarts;
  }

  /** Process id of the running server. */
  pid(): number | undefined {
    return this.#child?.pid;
  }

  get #logFile(): string {
    return join(this.#root, 'server.log');
  }

  /** Starts one child and resolves when it answers. The server reads its configuration once, so the files are removed then. */
  async #launch(): Promise<void> {
    const files = mkdtempSync(join(tmpdir(), 'hairpin-clickhouse-'));
    try {
      const configFile = this.#writeConfiguration(files);
      const tokens = revokeTokens(join(this.#root, 'db'));
      if (tokens > 0)
        this.#log.info(
          { tokens },
          'insert tokens that a crash had left without rows were revoked; their inserts repeat',
        );
      this.#logBytes = sizeOf(this.#logFile);
      // A process group of its own: Ctrl-C in a terminal must not stop the server before its clients have written.
      const child = spawn(process.execPath, [PROGRAM, ...this.#arguments(configFile)], {
        stdio: ['pipe', 'ignore', 'pipe'],
        detached: true,
        cwd: this.#root,
      });
      this.#child = child;
      await untilAnswering(child, { port: this.#port, user: this.#owner, folder: this.#root });
      this.#restartAfterCrash(child);
    } finally {
      rmSync(files, { recursive: true, force: true });
    }
  }

  #writeConfiguration(folder: string): string {
    const server = serverConfiguration({
      folder,
      logFile: this.#logFile,
      users: [this.#owner, this.#reader],
      ...(this.#cluster && { remoteServers: this.#cluster.remoteServers }),
    });
    const users = usersConfiguration(this.#owner, this.#reader, this.#cluster !== undefined);
    const configFile = join(folder, 'config.xml');
    writeFileSync(configFile, server, { mode: 0o600 });
    writeFileSync(join(folder, 'users.xml'), users, { mode: 0o600 });
    return configFile;
  }

  #arguments(configFile: string): string[] {
    return [
      `--path=${join(this.#root, 'db')}`,
      `--listen_host=${HOST}`,
      `--http_port=${this.#port}`,
      ...(this.#cluster ? [`--tcp_port=${this.#cluster.tcpPort}`] : []),
      '--log-level=warning',
      `--config-file=${configFile}`,
    ];
  }

  #restartAfterCrash(child: ChildProcess): void {
    const startedAt = performance.now();
    child.once('exit', (code, signal) => {
      if (this.#stopping.signal.aborted) return;
      const byPeer = signal === 'SIGABRT' && endedByPeer(this.#logFile, this.#logBytes);
      if (byPeer || performance.now() - startedAt > STEADY_MS) this.#backoff.reset();
      this.#log.error(
        { code, signal, pauseMs: this.#backoff.nextMs },
        byPeer
          ? 'a program on this machine reset a connection to the embedded ClickHouse, which ended it; it is restarted; see docs/TROUBLESHOOTING.md, "ClickHouse crashes"'
          : 'the embedded ClickHouse crashed and is restarted; see docs/TROUBLESHOOTING.md, "ClickHouse crashes"',
      );
      void this.#restart();
    });
  }

  #restart(): Promise<void> {
    const relaunch = async () => {
      this.#restarts++;
      await this.#launch();
      this.#log.info({ restarts: this.#restarts }, 'the embedded ClickHouse answers again');
    };
    // A peer may end it before it has answered once.
    const pauseMsAfter = () => (endedByPeer(this.#logFile, this.#logBytes) ? RESTART_PAUSES.pauseMsMin : undefined);
    const onFailure = (error: unknown, failure: Failure) => {
      if (this.#stopping.signal.aborted) return;
      const pauseMs = pauseMsAfter() ?? failure.pauseMs;
      this.#log.error({ err: error, pauseMs }, 'the embedded ClickHouse did not restart; the next try follows');
    };
    return retry(relaunch, {
      pauses: this.#backoff,
      pauseFirst: true,
      signal: this.#stopping.signal,
      onFailure,
      pauseMsAfter,
    });
  }
}

/** Closing its standard input lets the server shut its tables down in order. */
function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise(done => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    child.once('exit', () => {
      clearTimeout(timer);
      done();
    });
    child.stdin?.end();
  });
}
