// A supervised worker thread: started, restarted after a crash if so configured, stopped in order. The owner creates the
// thread itself in `spawn`, beside the file that the thread runs, and learns of messages and exits through callbacks.
// docs/decisions/0009-retry-and-threads.md says why this is not a library.

import type { Transferable, Worker } from 'node:worker_threads';
import type { Log } from './log.ts';
import { type Pauses, retry } from './retry.ts';

export interface WorkerOptions<Message> {
  /** The thread in log lines and errors: `enricher thread`. */
  readonly name: string;
  readonly log: Log;
  /** Creates the thread, beside the file that it runs. `restarted`: it is not the first. */
  readonly spawn: (restarted: boolean) => Worker;
  /**
   * Whether a message reports that the thread has started; throws when it reports that the thread cannot. Without this a
   * thread counts as started at once.
   */
  readonly isStarted?: (message: Message) => boolean;
  /** Called with every message, that of the start included. */
  readonly onMessage?: (message: Message) => void;
  /** Called after each exit that nobody requested, with the error if there was one. */
  readonly onExit?: (crash: Crash) => void;
  /** After an exit that nobody requested a thread that had started is restarted. The first pause comes before the first try. */
  readonly restart?: Pauses & { readonly onTry: () => void };
}

export interface Crash {
  readonly code: number;
  readonly error: Error | undefined;
  /** Whether the thread had started. */
  readonly started: boolean;
}

interface Life {
  readonly worker: Worker;
  readonly exited: Promise<void>;
  started: boolean;
}

export class SupervisedWorker<Order, Message> {
  readonly #options: WorkerOptions<Message>;
  readonly #stopping = new AbortController();
  #life: Life | undefined;
  #restarting: Promise<unknown> | undefined;

  constructor(options: WorkerOptions<Message>) {
    this.#options = options;
  }

  /** Whether a thread runs that has started. */
  get running(): boolean {
    return this.#life?.started ?? false;
  }

  /**
   * Resolves with the message that reported the start, if one is expected. Rejects when the thread reports that it
   * cannot start, or ends before it has started; then nothing restarts it.
   */
  start(): Promise<Message | undefined> {
    return this.#launch(false);
  }

  /** Does nothing while no thread runs. */
  post(order: Order, transfer: readonly Transferable[] = []): void {
    this.#life?.worker.postMessage(order, transfer);
  }

  /** While it is held, the thread keeps the process running. A thread is held at its start. */
  hold(held: boolean): void {
    if (held) this.#life?.worker.ref();
    else this.#life?.worker.unref();
  }

  /** Posts the order to stop and resolves when the thread has ended. */
  async stop(order: Order): Promise<void> {
    this.#stopping.abort();
    this.post(order);
    await this.#life?.exited;
    await this.#restarting;
  }

  /** Ends the thread wherever it is; resolves when it has ended. */
  async terminate(): Promise<void> {
    this.#stopping.abort();
    await this.#life?.worker.terminate();
  }

  async #launch(restarted: boolean): Promise<Message | undefined> {
    const worker = this.#options.spawn(restarted);
    const { promise: exited, resolve: markExited } = Promise.withResolvers<void>();
    const life: Life = { worker, exited, started: false };
    this.#life = life;
    const started = this.#started(life);
    let fault: Error | undefined;
    worker.on('error', error => {
      fault = error;
      this.#options.log.error({ err: error }, `${this.#options.name} crashed`);
    });
    worker.once('exit', code => {
      this.#life = undefined;
      markExited();
      this.#exited({ code, error: fault, started: life.started });
    });
    try {
      return await started;
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  /** Passes messages on, and resolves with the one that reports the start. */
  #started(life: Life): Promise<Message | undefined> {
    const { name, isStarted, onMessage } = this.#options;
    const { worker } = life;
    return new Promise((resolve, reject) => {
      const start = (message?: Message) => {
        life.started = true;
        resolve(message);
      };
      worker.on('message', (message: Message) => {
        try {
          if (!life.started && isStarted?.(message)) start(message);
        } catch (error) {
          reject(error);
        }
        onMessage?.(message);
      });
      worker.once('error', reject);
      worker.once('exit', code => reject(new Error(`the ${name} ended with code ${code} before it had started`)));
      if (!isStarted) start();
    });
  }

  #exited(crash: Crash): void {
    if (this.#stopping.signal.aborted) return;
    this.#options.onExit?.(crash);
    if (crash.started && this.#options.restart) this.#restarting = this.#restart(this.#options.restart);
  }

  #restart({ onTry, ...pauses }: NonNullable<WorkerOptions<Message>['restart']>): Promise<unknown> {
    const { name, log } = this.#options;
    const relaunch = () => {
      onTry();
      return this.#launch(true);
    };
    const { signal } = this.#stopping;
    const onFailure = (error: unknown) => {
      if (!signal.aborted) log.error({ err: error }, `${name} was not restarted; the next try follows`);
    };
    return retry(relaunch, { pauses, pauseFirst: true, signal, onFailure });
  }
}
