// Questions to a thread of their own, seen from the thread that asks. The thread is started by the first question and again
// after it died. A bounded number of questions waits; one that takes longer than it may ends the thread, for it cannot be
// interrupted in any other way.

import { Worker } from 'node:worker_threads';
import type { Log } from '../service/log.ts';
import type { Answered, Asked } from './messages.ts';

export interface QuestionThread<Q, A> {
  /** Rejects with a message for people when it is busy, late or gone. */
  ask(question: Q): Promise<A>;
  stop(): Promise<void>;
}

export interface QuestionThreadOptions {
  readonly log: Log;
  /** What the thread runs, and what it is told at its start. */
  readonly program: URL;
  readonly data: object;
  readonly answerMsMax: number;
  readonly questionsMax: number;
  /** What people read. */
  readonly words: {
    /** `the advisor` */
    readonly name: string;
    readonly busy: string;
    readonly late: string;
    readonly died: string;
  };
}

interface Waiting<A> {
  readonly resolve: (answer: A) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export function createQuestionThread<Q, A>(options: QuestionThreadOptions): QuestionThread<Q, A> {
  const { log, program, data, answerMsMax, questionsMax, words } = options;
  const waiting = new Map<number, Waiting<A>>();
  let thread: Worker | undefined;
  let stopped = false;
  let next = 1;

  const rejectAll = (reason: string) => {
    for (const { reject, timer } of waiting.values()) {
      clearTimeout(timer);
      reject(new Error(reason));
    }
    waiting.clear();
  };

  const end = async (reason: string) => {
    const ending = thread;
    thread = undefined;
    rejectAll(reason);
    await ending?.terminate();
  };

  const start = (): Worker => {
    const worker = new Worker(program, { workerData: data });
    worker.unref();
    worker.on('message', ({ id, answer, failure }: Answered<A>) => {
      const asked = waiting.get(id);
      if (!asked) return;
      waiting.delete(id);
      clearTimeout(asked.timer);
      if (failure === undefined) asked.resolve(answer as A);
      else asked.reject(new Error(failure));
    });
    worker.on('error', error => log.error({ err: error }, `${words.name} died; the next question starts it again`));
    worker.once('exit', () => {
      if (thread !== worker) return;
      thread = undefined;
      rejectAll(words.died);
    });
    return worker;
  };

  return {
    ask(question) {
      if (stopped) return Promise.reject(new Error('it is being stopped'));
      if (waiting.size >= questionsMax) return Promise.reject(new Error(`${questionsMax} ${words.busy}`));
      thread ??= start();
      const id = next++;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => void end(`${words.late} ${answerMsMax / 1000} s; ask again, or for less`),
          answerMsMax,
        );
        waiting.set(id, { resolve, reject, timer });
        const asked: Asked<Q> = { id, question };
        thread!.postMessage(asked);
      });
    },
    async stop() {
      stopped = true;
      await end('it is being stopped');
    },
  };
}
