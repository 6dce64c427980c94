// The other side of a question thread: one question after the other.

import { parentPort } from 'node:worker_threads';
import type { Answered, Asked } from './messages.ts';

export function answerQuestions<Q, A>(answer: (question: Q) => Promise<A>): void {
  let last: Promise<void> = Promise.resolve();
  parentPort!.on('message', ({ id, question }: Asked<Q>) => {
    last = last.then(async () => {
      const answered: Answered<A> = await answer(question).then(
        given => ({ id, answer: given }),
        (error: unknown) => ({ id, failure: error instanceof Error ? error.message : String(error) }),
      );
      parentPort!.postMessage(answered);
    });
  });
}
