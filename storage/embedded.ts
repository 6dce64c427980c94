// The embedded ClickHouse as a supervised child process: started once its folder and port are known to be usable,
// restarted with growing pauses when it dies, stopped with its parent. Port and passwords stay the same over restarts,
// so clients only see refused connections for a moment. embedded-server.ts is the program of the child.
//
// Who may ask: the engine's own session is the user `default` with an empty password, which HTTP would accept from
// anybody on this machine. The HTTP handlers therefore answer only requests that carry the credentials of one of the
// two generated users; everything else is 404.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HairpinError } from '../service/errors.ts';
import type { Log } from '../service/log.ts';
import { Backoff, type Failure, retry } from '../service/retry.ts';
import { takeBackTokens } from './deduplication-log.ts';

const HOST = '127.0.0.1';
const PROGRAM = fileURLToPath(new URL('./embedded-server.ts', import.meta.url));
const START_MS_MAX = 120_000;
const STOP_MS_MAX = 15_000;
const RESTART_PAUSES = { pauseMsMin: 100, pauseMsMax: 30_000 };
/** A server that lived this long starts again with the shortest pause. */
const STEADY_MS = 60_000;
const MESSAGE_BYTES_MAX = 8192;
/** A question may name thousands of nodes; the engine's own limit for a parameter is 128 KiB. */
const PARAMETER_BYTES_MAX = 16 * 1024 ** 2;
const GiB = 1024 ** 3;

export interface EmbeddedOptions {
  /** Holds the database (`db`) and the server's log (`server.log`); made when missing. */
  readonly folder: string;
  /** HTTP port on 127.0.0.1; 0 picks a free one. */
  readonly port: number;
  readonly log: Log;
  /** Makes it one of several servers that ask each other, once told SYSTEM START LISTEN TCP: for tests of that form. */
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

export interface EmbeddedServer {
  /** Resolves when the server answers; throws a HairpinError when it cannot start. */
  start(): Promise<EmbeddedAddress>;
  stop(): Promise<void>;
  /** How often the server died and was started again. */
  restarts(): number;
  /** Process id of the running server. */
  pid(): number | undefined;
}

interface User {
  readonly name: string;
  readonly password: string;
}

export function createEmbeddedServer({ folder, port: wanted, log, cluster }: EmbeddedOptions): EmbeddedServer {
  const root = resolve(folder);
  const newPassword = () => cluster?.password ?? randomBytes(24).toString('hex');
  const owner: User = { name: 'hairpin', password: newPassword() };
  const reader: User = { name: 'hairpin_reader', password: newPassword() };
  let port = wanted;
  let child: ChildProcess | undefined;
  let restarts = 0;
  const stopping = new AbortController();
  const backoff = new Backoff(RESTART_PAUSES);

  /** Starts one child and resolves when it answers. The configuration is read once, so its files go right after. */
  async function launch(): Promise<void> {
    const files = mkdtempSync(join(tmpdir(), 'hairpin-clickhouse-'));
    try {
      const configFile = join(files, 'config.xml');
      const configuration = serverConfiguration(
        files,
        join(root, 'server.log'),
        [owner, reader],
        cluster?.remoteServers,
      );
      writeFileSync(configFile, configuration, { mode: 0o600 });
      writeFileSync(join(files, 'users.xml'), usersConfiguration(owner, reader, cluster !== undefined), {
        mode: 0o600,
      });
      const args = [
        `--path=${join(root, 'db')}`,
        `--listen_host=${HOST}`,
        `--http_port=${port}`,
        ...(cluster ? [`--tcp_port=${cluster.tcpPort}`] : []),
        '--log-level=warning',
        `--config-file=${configFile}`,
      ];
      const tokens = takeBackTokens(join(root, 'db'));
      if (tokens > 0) log.info({ tokens }, 'tokens of inserts that a crash left without rows were taken back');
      // A process group of its own: Ctrl-C in a terminal must not end the server before its clients have written.
      const process_ = spawn(process.execPath, [PROGRAM, ...args], {
        stdio: ['pipe', 'ignore', 'pipe'],
        detached: true,
        cwd: root,
      });
      child = process_;
      await answers(process_, `http://${HOST}:${port}/`, owner, root, port);
    } finally {
      rmSync(files, { recursive: true, force: true });
    }
    const born = performance.now();
    child.once('exit', (code, signal) => {
      if (stopping.signal.aborted) return;
      if (performance.now() - born > STEADY_MS) backoff.reset();
      log.error(
        { code, signal, pauseMs: backoff.nextMs },
        'the embedded ClickHouse died and is started again; see docs/TROUBLESHOOTING.md, "ClickHouse dies"',
      );
      void again();
    });
  }

  function again(): Promise<void> {
    const relaunch = async () => {
      restarts++;
      await launch();
      log.info({ restarts }, 'the embedded ClickHouse answers again');
    };
    const onFailure = (error: unknown, { pauseMs }: Failure) => {
      if (stopping.signal.aborted) return;
      log.error({ err: error, pauseMs }, 'the embedded ClickHouse did not start again; next try follows');
    };
    return retry(relaunch, { pauses: backoff, pauseFirst: true, signal: stopping.signal, onFailure });
  }

  return {
    async start() {
      checkFolder(root);
      port = await freePort(wanted);
      await launch();
      const url = `http://${HOST}:${port}`;
      return { url, user: owner.name, password: owner.password, readUser: reader.name, readPassword: reader.password };
    },
    async stop() {
      stopping.abort();
      if (child) await end(child);
    },
    restarts: () => restarts,
    pid: () => child?.pid,
  };
}

function checkFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
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
function freePort(wanted: number): Promise<number> {
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

/** Resolves when the server answers as `user`; rejects with a HairpinError when it ends first or takes too long. */
async function answers(child: ChildProcess, url: string, user: User, folder: string, port: number): Promise<void> {
  let message = '';
  let failure: string | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    message = (message + text).slice(-MESSAGE_BYTES_MAX);
  });
  child.stdin?.on('error', () => {}); // the pipe of a child that died; its exit tells more
  child.once('error', error => {
    failure = error.message;
  });
  child.once('close', (code, signal) => {
    failure = message.trim() || `it ended with ${signal ?? `exit code ${code}`}`;
  });
  const deadline = performance.now() + START_MS_MAX;
  while (performance.now() < deadline) {
    if (failure !== undefined) throw startError(failure, folder, port);
    if ((await responds(url, user)) && failure === undefined) return;
    await new Promise(done => setTimeout(done, 20));
  }
  child.kill('SIGKILL');
  throw new HairpinError(
    'STORAGE_START_FAILED',
    `ClickHouse in ${folder} did not answer within ${START_MS_MAX / 1000} s; ${folder}/server.log says more`,
  );
}

/** Asks on a connection of its own: one kept alive would hold up the server's end. */
function responds(url: string, user: User): Promise<boolean> {
  return new Promise(done => {
    const request = get(
      `${url}?query=SELECT%201`,
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
  return new HairpinError('STORAGE_START_FAILED', `ClickHouse in ${folder} ended while starting: ${message}`);
}

/** Closing its standard input lets the server put its tables down in order. */
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

function authorization(user: User): string {
  return `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`;
}

/** Pools and caches for a small machine shared with the collector: the engine's defaults are for a server of its own. */
function serverConfiguration(folder: string, logFile: string, users: readonly User[], more = ''): string {
  const memoryBytes = Math.floor(Math.min(8 * GiB, Math.max(GiB, totalmem() / 2)));
  const rules = users.map(
    user =>
      `<rule><headers><Authorization>${authorization(user)}</Authorization></headers><handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler></rule>`,
  );
  return `<clickhouse>
  <users_config>${xml(folder)}/users.xml</users_config>
  <logger><log>${xml(logFile)}</log><size>10M</size><count>2</count></logger>
  <http_handlers>${rules.join('')}</http_handlers>
  ${more}
  <max_server_memory_usage>${memoryBytes}</max_server_memory_usage>
  <mark_cache_size>${256 * 1024 ** 2}</mark_cache_size>
  <background_pool_size>${Math.max(2, Math.min(16, availableParallelism()))}</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>`;
}

/**
 * A question that has what its LIMIT asks for drops its connections to the other servers, and this engine, unlike
 * clickhouse-server, ends when one of its connections is reset: so questions are read to their end.
 */
const READ_TO_THE_END = '<exact_rows_before_limit>1</exact_rows_before_limit>';

/** `readonly` 2 lets a reader choose settings such as a time limit, but write nothing; its grants leave files and URLs out. */
function usersConfiguration(owner: User, reader: User, asksOthers: boolean): string {
  const user = ({ name, password }: User, more: string) => {
    const hash = createHash('sha256').update(password).digest('hex');
    return `<${name}><password_sha256_hex>${hash}</password_sha256_hex><networks><ip>${HOST}</ip></networks><quota>default</quota>${more}</${name}>`;
  };
  const grants = ['SELECT ON *.*', 'SHOW ON *.*', 'dictGet ON *.*']
    .map(grant => `<query>GRANT ${grant}</query>`)
    .join('');
  return `<clickhouse>
  <profiles><default><http_max_field_value_size>${PARAMETER_BYTES_MAX}</http_max_field_value_size>${asksOthers ? READ_TO_THE_END : ''}</default><reader><readonly>2</readonly></reader></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password/><networks><ip>${HOST}</ip></networks><profile>default</profile><quota>default</quota></default>
    ${user(owner, '<profile>default</profile>')}
    ${user(reader, `<profile>reader</profile><grants>${grants}</grants>`)}
  </users>
</clickhouse>`;
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
