// Containers by Debian's podman and docker-compose. .ci/image says in the environment where podman keeps its images
// (CONTAINERS_CONF, CONTAINERS_STORAGE_CONF) and where docker-compose finds it (DOCKER_HOST).

import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const POLL_MS = 250;
const HEALTHY_MS_MAX = 90_000;

export interface Compose {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs podman and returns what it wrote; the error of a failed command holds its output. */
export async function podman(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('podman', [...args], { maxBuffer: OUTPUT_BYTES_MAX });
  return stdout.trim();
}

export async function dockerCompose({ folder, environment }: Compose, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, ...environment };
  const { stdout } = await run('docker-compose', [...args], { cwd: folder, env, maxBuffer: OUTPUT_BYTES_MAX });
  return stdout.trim();
}

/** Runs the image's own health check until it succeeds; returns how long that took. */
export async function untilHealthy(container: string): Promise<number> {
  const from = performance.now();
  for (;;) {
    const isHealthy = await podman('healthcheck', 'run', container).then(
      () => true,
      () => false,
    );
    const elapsedMs = Math.round(performance.now() - from);
    if (isHealthy) return elapsedMs;
    if ((await stateOf(container)) !== 'running' || elapsedMs > HEALTHY_MS_MAX)
      throw new Error(`${container} is not healthy after ${elapsedMs} ms:\n${await logOf(container)}`);
    await sleep(POLL_MS);
  }
}

export const stateOf = (container: string) => podman('inspect', '--format={{.State.Status}}', container);

export async function exitCodeOf(container: string): Promise<number> {
  return Number(await podman('inspect', '--format={{.State.ExitCode}}', container));
}

/** Standard output and standard error. */
export async function logOf(container: string): Promise<string> {
  const { stdout, stderr } = await run('podman', ['logs', container], { maxBuffer: OUTPUT_BYTES_MAX });
  return stdout + stderr;
}

/** Whether the kernel refuses what a container without rights must not do; names each fault. */
export async function looseEnds(container: string): Promise<string[]> {
  const script = `
    [ "$(id -u)" != 0 ] || echo 'it runs as root'
    for folder in /hairpin /usr/local/bin /etc /home/node; do ! touch "$folder/written" 2>/dev/null || echo "$folder can be written"; done
    touch /data/written /tmp/written || echo '/data or /tmp cannot be written'
    rm -f /data/written /tmp/written
    grep -q '^CapBnd:.0*$' /proc/1/status || echo 'it keeps capabilities'
    grep -q '^NoNewPrivs:.1$' /proc/1/status || echo 'it may gain privileges'`;
  const faults = await podman('exec', container, 'sh', '-c', script);
  return faults.split('\n').filter(line => line !== '');
}
