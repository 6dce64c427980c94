// Starts the parts of a process in order and stops them in reverse. A part that cannot start stops those before it. A
// stop has a deadline: a part that has not ended by then is named in the log, and the stop goes on with the next.

import type { Log } from './log.ts';
import { onNpmEnd } from './npm-process.ts';

export interface Part {
  readonly name: string;
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
}

export const STOP_DEADLINE_MS = 20_000;

export interface Lifecycle {
  /** Starts a part now and stops it in its turn. */
  start(part: Part): Promise<void>;
  /** Adds a part that needs no start, to be stopped in its turn. */
  stopLater(name: string, stop: () => Promise<unknown>): void;
  stop(): Promise<void>;
}

export function createLifecycle(log: Log, deadlineMs = STOP_DEADLINE_MS): Lifecycle {
  const started: Part[] = [];
  let stopped: Promise<void> | undefined;
  const stopAll = async () => {
    const deadline = Date.now() + deadlineMs;
    for (const part of started.splice(0).reverse()) {
      const left = Math.max(0, deadline - Date.now());
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>(resolve => {
        timer = setTimeout(() => resolve('late'), left);
      });
      const outcome = await Promise.race([part.stop().catch(error => error as Error), late]);
      clearTimeout(timer);
      if (outcome === 'late')
        log.error(`${part.name} did not stop within ${deadlineMs} ms; the next start continues its work`);
      else if (outcome instanceof Error) log.error({ err: outcome }, `${part.name} failed to stop`);
    }
  };
  return {
    async start(part) {
      try {
        await part.start();
        started.push(part);
      } catch (error) {
        await stopAll();
        throw error;
      }
    },
    stopLater(name, stop) {
      started.push({ name, start: async () => {}, stop });
    },
    stop: () => (stopped ??= stopAll()),
  };
}

/** Why a process stops, for people. */
export type StopReason = NodeJS.Signals | 'npm has ended';

let signalled: Promise<StopReason> | undefined;

/**
 * Resolves at SIGINT or SIGTERM, and when npm, which started the process, has ended. The first call installs the handlers:
 * made before the parts start, a signal that arrives meanwhile stops them in order afterwards. A second signal ends the
 * process at once.
 */
export function stopSignal(): Promise<StopReason> {
  signalled ??= new Promise(resolve => {
    let first = true;
    const on = (signal: NodeJS.Signals) => {
      if (!first) process.exit(130);
      first = false;
      resolve(signal);
    };
    process.on('SIGINT', on);
    process.on('SIGTERM', on);
    onNpmEnd(() => resolve('npm has ended'));
  });
  return signalled;
}
