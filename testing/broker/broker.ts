// A real Apache Kafka for tests: KRaft, one broker or several, on loopback, each a Java process with a folder of its own.
// The Java archives come by Maven once per machine (pom.xml beside this file) and stay in the system's temporary folder.
// Where KAFKA_BROKERS names a cluster, tests that only need some Kafka use that instead.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onPath, requireTool } from '../requirements.ts';

const ARCHIVES = join(tmpdir(), 'hairpin-kafka-4.1.1');
const CLUSTER_ID = 'AAAAAAAAQACAAAAAAAAAAA';
const HEAP_MIB = 384;
/** A broker of a test starts often and works little: half the CPU of the defaults goes into the start. */
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const READY_MS_MAX = 150_000;
const MAVEN_MS_MAX = 300_000;

/** Whether a real Kafka can be started here; prints why not. */
export function kafkaPresent(): boolean {
  if (!requireTool('Kafka', onPath('java') && onPath('mvn'), 'needs java and mvn on the PATH')) return false;
  try {
    fetchArchives();
    return true;
  } catch (error) {
    return requireTool('Kafka', false, `Maven cannot fetch it: ${(error as Error).message.split('\n')[0]}`);
  }
}

export interface KafkaNode {
  readonly id: number;
  readonly port: number;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
  start(): Promise<void>;
}

export interface KafkaCluster {
  readonly brokers: readonly string[];
  readonly nodes: readonly KafkaNode[];
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly nodes?: number;
  /** Heap of each; three brokers do with 256. */
  readonly heapMiB?: number;
  /** More lines for server.properties. */
  readonly properties?: Readonly<Record<string, string>>;
}

export async function startKafka({
  nodes: count = 1,
  heapMiB = HEAP_MIB,
  properties = {},
}: ClusterOptions = {}): Promise<KafkaCluster> {
  const archives = fetchArchives();
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-kafka-'));
  const ports = await freePorts(2 * count);
  const voters = Array.from({ length: count }, (_, i) => `${i + 1}@127.0.0.1:${ports[2 * i + 1]}`).join(',');
  const nodes = Array.from({ length: count }, (_, i) =>
    createNode({
      archives,
      folder: join(folder, String(i + 1)),
      id: i + 1,
      port: ports[2 * i]!,
      controllerPort: ports[2 * i + 1]!,
      voters,
      replication: Math.min(3, count),
      heap: `-Xmx${heapMiB}m`,
      properties,
    }),
  );
  const cluster: KafkaCluster = {
    brokers: nodes.map(node => `127.0.0.1:${node.port}`),
    nodes,
    async stop() {
      await Promise.all(nodes.map(node => node.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all(nodes.map(node => node.start()));
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

interface NodeOptions {
  readonly archives: string;
  readonly folder: string;
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  readonly voters: string;
  readonly replication: number;
  readonly heap: string;
  readonly properties: Readonly<Record<string, string>>;
}

function createNode(options: NodeOptions): KafkaNode {
  const { archives, folder, id, port, controllerPort, voters, replication, heap } = options;
  const properties = join(folder, 'server.properties');
  const output = join(folder, 'output.log');
  const classPath = join(archives, '*');
  let running: ChildProcess | undefined;

  mkdirSync(folder, { recursive: true });
  const lines: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': voters,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL',
    'log.dirs': join(folder, 'data'),
    'offsets.topic.replication.factor': String(replication),
    'transaction.state.log.replication.factor': String(replication),
    'transaction.state.log.min.isr': '1',
    'default.replication.factor': String(replication),
    'min.insync.replicas': replication > 1 ? '2' : '1',
    'group.initial.rebalance.delay.ms': '0',
    'broker.session.timeout.ms': '6000',
    'log.segment.bytes': String(64 * 1024 * 1024),
    ...options.properties,
  };
  writeFileSync(
    properties,
    Object.entries(lines)
      .map(([key, value]) => `${key}=${value.replaceAll('PORT', String(port))}\n`)
      .join(''),
  );
  execFileSync(
    'java',
    [...JVM, heap, '-cp', classPath, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );

  return {
    id,
    port,
    async start() {
      const log = `java ${JVM.join(' ')} -cp '${classPath}' ${heap} kafka.Kafka '${properties}' >>'${output}' 2>&1`;
      const child = spawn('sh', ['-c', `exec ${log}`], { stdio: 'ignore' });
      running = child;
      const deadline = Date.now() + READY_MS_MAX;
      while (!(await answers(port))) {
        if (child.exitCode !== null || Date.now() > deadline)
          throw new Error(`Kafka node ${id} did not start:\n${readFileSync(output, 'utf8').slice(-4000)}`);
        await sleep(100);
      }
    },
    async kill() {
      const child = running;
      running = undefined;
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    pause: () => void running?.kill('SIGSTOP'),
    resume: () => void running?.kill('SIGCONT'),
  };
}

/** The folder of Java archives, filled once: under a temporary name first, so that two test files do not mix. */
function fetchArchives(): string {
  if (existsSync(ARCHIVES)) return ARCHIVES;
  const filling = mkdtempSync(`${ARCHIVES}-`);
  execFileSync(
    'mvn',
    [
      '-q',
      '-B',
      '-f',
      fileURLToPath(new URL('./pom.xml', import.meta.url)),
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${filling}`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], timeout: MAVEN_MS_MAX },
  );
  try {
    renameSync(filling, ARCHIVES);
  } catch (error) {
    rmSync(filling, { recursive: true, force: true });
    if (!existsSync(ARCHIVES)) throw error;
  }
  return ARCHIVES;
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map(server => (server.address() as { port: number }).port);
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  return ports;
}
