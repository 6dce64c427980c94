// The thread's end of request-thread.ts: a thread that answers requests, one after the other.

import { parentPort } from 'node:worker_threads';

export type ToThread<Q> =
  | { readonly type: 'request'; readonly id: number; readonly request: Q }
  | { readonly type: 'cancel'; readonly id: number };

export type FromThread<A, P> =
  | { readonly type: 'progress'; readonly id: number; readonly progress: P }
  | { readonly type: 'answer'; readonly id: number; readonly answer: A }
  | { readonly type: 'failure'; readonly id: number; readonly reason: string };

export interface RequestContext<P> {
  /** Aborted when the request is cancelled. */
  readonly signal: AbortSignal;
  readonly report: (progress: P) => void;
}

/** Answers each request with what `answer` returns, or with the message of its error. */
export function answerRequests<Q, A, P = never>(
  answer: (request: Q, context: RequestContext<P>) => A | Promise<A>,
): void {
  const port = parentPort!;
  let current: { readonly id: number; readonly cancelling: AbortController } | undefined;
  port.on('message', async (message: ToThread<Q>) => {
    const { id } = message;
    const post = (reply: FromThread<A, P>) => port.postMessage(reply);
    if (message.type === 'cancel') {
      if (current?.id === id) current.cancelling.abort();
      return;
    }
    const cancelling = new AbortController();
    current = { id, cancelling };
    try {
      const report = (progress: P) => post({ type: 'progress', id, progress });
      post({ type: 'answer', id, answer: await answer(message.request, { signal: cancelling.signal, report }) });
    } catch (error) {
      post({ type: 'failure', id, reason: error instanceof Error ? error.message : String(error) });
    }
  });
}
