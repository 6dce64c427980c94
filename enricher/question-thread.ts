// Questions to a thread of their own, seen from the thread that asks. The thread is started by the first question and again
// after it died. A bounded number of questions waits, and the thread answers one after the other: the time of a question
// begins when it is the first. One that takes longer than it may ends the thread, for it cannot be interrupted in any other
// way; those behind it are asked of the next thread.

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

interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: Error) => void;
}

export function createQuestionThread<Q, A>(options: QuestionThreadOptions): QuestionThread<Q, A> {
  const { log, program, data, answerMsMax, questionsMax, words } = options;
  /** In the order they were asked. */
  const waiting = new Map<number, Waiting<Q, A>>();
  let thread: Worker | undefined;
  /** Of the first question. */
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let next = 1;

  const rejectAll = (reason: string) => {
    clearTimeout(timer);
    for (const { reject } of waiting.values()) reject(new Error(reason));
    waiting.clear();
  };

  const timeFirst = () => {
    clearTimeout(timer);
    if (waiting.size > 0) timer = setTimeout(giveUpFirst, answerMsMax);
  };

  const giveUpFirst = () => {
    const [first] = waiting;
    const [id, { reject }] = first!;
    waiting.delete(id);
    reject(new Error(`${words.late} ${answerMsMax / 1000} s; ask again, or for less`));
    void thread?.terminate();
    thread = undefined;
    for (const [id, { question }] of waiting) post({ id, question });
    timeFirst();
  };

  const post = (asked: Asked<Q>) => {
    thread ??= start();
    thread.postMessage(asked);
  };

  const start = (): Worker => {
    const worker = new Worker(program, { workerData: data });
    worker.unref();
    worker.on('message', ({ id, answer, failure }: Answered<A>) => {
      const asked = waiting.get(id);
      if (thread !== worker || !asked) return;
      waiting.delete(id);
      timeFirst();
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
      const id = next++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { question, resolve, reject });
        if (waiting.size === 1) timeFirst();
        post({ id, question });
      });
    },
    async stop() {
      stopped = true;
      const ending = thread;
      thread = undefined;
      rejectAll('it is being stopped');
      await ending?.terminate();
    },
  };
}
