// Requests to a worker thread, which answers one after the other (answer-requests.ts). The first request starts the
// thread, and so does the next one after a crash. A bounded number of requests waits. The time of a request begins when
// those before it are answered. A request that takes too long terminates the thread, which cannot be interrupted in any
// other way; the requests behind it go to the next thread.

import type { Transferable, Worker } from 'node:worker_threads';
import type { FromThread, ToThread } from './answer-requests.ts';
import type { Log } from './log.ts';
import { SupervisedWorker } from './worker.ts';

export interface RequestThreadOptions {
  readonly log: Log;
  /** Creates the thread, beside the file that it runs. */
  readonly spawn: () => Worker;
  /** Requests that wait, the one in work included. */
  readonly requestsMax: number;
  /** Time of one request; without it there is no limit. */
  readonly answerMsMax?: number;
  /** Ends the thread when no request waits, and so releases its memory; otherwise it stays for the next request. */
  readonly endsWhenIdle?: boolean;
  /** Texts for people. */
  readonly words: {
    /** `advisor thread` */
    readonly name: string;
    /** Behind the number of requests that wait. */
    readonly busy: string;
    /** Before the time limit. */
    readonly late: string;
    /** What to do when it is late; left out: to request less. */
    readonly advice?: string;
    readonly crashed: string;
  };
}

export interface RequestOptions<P> {
  /** Moved to the thread instead of copied. */
  readonly transfer?: readonly Transferable[];
  readonly onProgress?: (progress: P) => void;
}

interface Waiting<Q, A, P> extends RequestOptions<P> {
  readonly id: number;
  readonly request: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: Error) => void;
}

const STOPPED = 'it is being stopped';

export class RequestThread<Q, A, P = never> {
  readonly #options: RequestThreadOptions;
  /** In the order they came; the first is in work. */
  readonly #waiting: Waiting<Q, A, P>[] = [];
  #worker: SupervisedWorker<ToThread<Q>, FromThread<A, P>> | undefined;
  /** The end of the thread before this one. */
  #ended: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #lastId = 0;

  constructor(options: RequestThreadOptions) {
    this.#options = options;
  }

  /** Requests that are not answered yet. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Rejects with a message for people when too many requests wait, when the answer is late and when the thread crashes. */
  request(request: Q, options: RequestOptions<P> = {}): Promise<A> {
    const { requestsMax, words } = this.#options;
    if (this.#stopped) return Promise.reject(new Error(STOPPED));
    if (this.#waiting.length >= requestsMax) return Promise.reject(new Error(`${requestsMax} ${words.busy}`));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...options, id: ++this.#lastId, request, resolve, reject });
      if (this.#waiting.length === 1) this.#postFirst();
    });
  }

  /** Aborts the signal of the request in work. The thread decides when it ends, and answers it. */
  cancel(): void {
    const [first] = this.#waiting;
    if (first) this.#worker?.post({ type: 'cancel', id: first.id });
  }

  /** Rejects what waits and terminates the thread. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#rejectAll(new Error(STOPPED));
    await this.#end();
  }

  #postFirst(): void {
    clearTimeout(this.#timer);
    const [first] = this.#waiting;
    if (!first) {
      this.#idle();
      return;
    }
    const { answerMsMax } = this.#options;
    if (answerMsMax !== undefined) this.#timer = setTimeout(() => this.#late(answerMsMax), answerMsMax);
    this.#worker ??= this.#start();
    this.#worker.hold(true);
    this.#worker.post({ type: 'request', id: first.id, request: first.request }, first.transfer);
  }

  #idle(): void {
    if (this.#options.endsWhenIdle) void this.#end();
    else this.#worker?.hold(false);
  }

  #start(): SupervisedWorker<ToThread<Q>, FromThread<A, P>> {
    const { log, spawn, words } = this.#options;
    const worker = new SupervisedWorker<ToThread<Q>, FromThread<A, P>>({
      name: words.name,
      log,
      spawn,
      onMessage: message => this.#take(message),
      onExit: crash => this.#crashed(crash),
    });
    worker.start().catch(error => this.#crashed({ error }));
    return worker;
  }

  #take(message: FromThread<A, P>): void {
    const [first] = this.#waiting;
    if (first?.id !== message.id) return;
    if (message.type === 'progress') {
      first.onProgress?.(message.progress);
      return;
    }
    this.#waiting.shift();
    if (message.type === 'answer') first.resolve(message.answer);
    else first.reject(new Error(message.reason));
    this.#postFirst();
  }

  #late(answerMsMax: number): void {
    const { late, advice = 'try again, or request less' } = this.#options.words;
    const reason = `${late} ${answerMsMax / 1000} s; ${advice}`;
    this.#waiting.shift()!.reject(new Error(reason));
    void this.#end();
    this.#postFirst();
  }

  #crashed({ error }: { readonly error: unknown }): void {
    this.#worker = undefined;
    this.#rejectAll(new Error(this.#options.words.crashed, { cause: error }));
  }

  #rejectAll(error: Error): void {
    clearTimeout(this.#timer);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async #end(): Promise<void> {
    if (this.#worker) this.#ended = this.#worker.terminate();
    this.#worker = undefined;
    await this.#ended;
  }
}
