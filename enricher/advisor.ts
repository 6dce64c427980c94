// The advisor seen from the thread that asks: questions about the documents go to a thread of their own, which is started
// by the first one and again after it died. At most QUESTIONS_MAX wait; a question that takes longer than it may ends the
// thread, for it cannot be interrupted in any other way.

import { Worker } from 'node:worker_threads';
import type { AdvisorAnswer, AdvisorQuestion } from '../schemas/coverage.ts';
import type { Log } from '../service/log.ts';
import type { AdvisorAnswered, AdvisorData } from './messages.ts';

export const QUESTIONS_MAX = 16;
const ANSWER_MS_MAX = 30_000;

export interface Advisor {
  /** Rejects with a message for people when it is busy, late or gone. `undefined`: there is no inventory. */
  ask(question: AdvisorQuestion): Promise<AdvisorAnswer>;
  stop(): Promise<void>;
}

export interface AdvisorOptions {
  readonly log: Log;
  readonly answerMsMax?: number;
  readonly questionsMax?: number;
  /** What the thread runs. */
  readonly program?: URL;
}

interface Waiting {
  readonly resolve: (answer: AdvisorAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export function createAdvisor(data: AdvisorData, options: AdvisorOptions): Advisor {
  const { log, answerMsMax = ANSWER_MS_MAX, questionsMax = QUESTIONS_MAX } = options;
  const { program = new URL('./advisor-thread.ts', import.meta.url) } = options;
  const waiting = new Map<number, Waiting>();
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
    worker.on('message', ({ id, answer, failure }: AdvisorAnswered) => {
      const asked = waiting.get(id);
      if (!asked) return;
      waiting.delete(id);
      clearTimeout(asked.timer);
      if (failure === undefined) asked.resolve(answer);
      else asked.reject(new Error(failure));
    });
    worker.on('error', error => log.error({ err: error }, 'the advisor died; the next question starts it again'));
    worker.once('exit', () => {
      if (thread !== worker) return;
      thread = undefined;
      rejectAll('the thread that holds the inventory died; ask again');
    });
    return worker;
  };

  return {
    ask(question) {
      if (stopped) return Promise.reject(new Error('it is being stopped'));
      if (waiting.size >= questionsMax)
        return Promise.reject(new Error(`${questionsMax} questions about the inventory wait already; ask again`));
      thread ??= start();
      const id = next++;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => void end(`the inventory gave no answer within ${answerMsMax / 1000} s; ask again, or for less`),
          answerMsMax,
        );
        waiting.set(id, { resolve, reject, timer });
        thread!.postMessage({ id, question });
      });
    },
    async stop() {
      stopped = true;
      await end('it is being stopped');
    },
  };
}
