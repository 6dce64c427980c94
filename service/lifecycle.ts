// Starts the parts of a process in order and stops them in reverse. Parts that do not need each other may start at the same
// time; their order is that in which their starts were called. A part that cannot start stops the others. A stop has a
// deadline: a part that has not ended by then is named in the log, and the stop goes on with the next.

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

interface Place {
  readonly part: Part;
  /** Whether it has started, once that is known. */
  readonly started: Promise<boolean>;
}

export function createLifecycle(log: Log, deadlineMs = STOP_DEADLINE_MS): Lifecycle {
  const places: Place[] = [];
  /** Of the first part that could not start: none starts after it. */
  let failure: { readonly error: unknown } | undefined;
  let stopped: Promise<void> | undefined;
  const stopAll = async () => {
    const deadline = Date.now() + deadlineMs;
    for (const { part, started } of places.splice(0).reverse()) {
      const left = Math.max(0, deadline - Date.now());
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>(resolve => {
        timer = setTimeout(() => resolve('late'), left);
      });
      const stopping = started.then(ok => (ok ? part.stop() : undefined));
      const outcome = await Promise.race([stopping.catch(error => error as Error), late]);
      clearTimeout(timer);
      if (outcome === 'late')
        log.error(`${part.name} did not stop within ${deadlineMs} ms; the next start continues its work`);
      else if (outcome instanceof Error) log.error({ err: outcome }, `${part.name} failed to stop`);
    }
  };
  return {
    async start(part) {
      if (failure) throw failure.error;
      const starting = part.start();
      const started = starting.then(
        () => true,
        () => false,
      );
      places.push({ part, started });
      try {
        await starting;
      } catch (error) {
        failure ??= { error };
        await stopAll();
        throw failure.error;
      }
    },
    stopLater(name, stop) {
      if (failure) void stop().catch(error => log.error({ err: error }, `${name} failed to stop`));
      places.push({ part: { name, start: async () => {}, stop }, started: Promise.resolve(true) });
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
