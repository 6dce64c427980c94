// Large documents are worked on in a thread of their own, one after the other: while 100,000 VMs are looked through, the
// API goes on answering. All kinds of documents have this one way. Small ones are not worth the start of a thread.

import { Worker } from 'node:worker_threads';
import { DocumentError } from '../../schemas/documents.ts';
import type { Log } from '../../service/log.ts';
import { RequestThread } from '../../service/request-thread.ts';
import { HttpProblem } from '../http/problem.ts';
import { type Done, doWork, type Work, type WorkInput, type WorkResult } from './check.ts';

/** YAML of so many bytes is parsed in some 50 ms. */
const INLINE_BYTES_MAX = 32 * 1024;
/** Documents that are worked on or wait for it; more are refused, and sent again by whoever polls. */
export const CHECKS_MAX = 4;
const CHECK_MS_MAX = 120_000;
const RETRY_AFTER_S = 10;

export interface DocumentChecksOptions {
  readonly log: Log;
  readonly checkMsMax?: number;
}

export class DocumentChecks {
  readonly #thread: RequestThread<{ readonly work: Work; readonly input: WorkInput<Work> }, Done<Work>>;

  constructor({ log, checkMsMax = CHECK_MS_MAX }: DocumentChecksOptions) {
    this.#thread = new RequestThread({
      log,
      spawn: () => new Worker(new URL('./check-thread.ts', import.meta.url)),
      requestsMax: CHECKS_MAX,
      answerMsMax: checkMsMax,
      // What the check of 100,000 VMs took in memory is not kept.
      endsWhenIdle: true,
      words: {
        name: 'document thread',
        busy: 'documents are being checked',
        late: 'the document was not read and checked within',
        advice: 'send it as JSON, which is read faster than YAML, or in parts',
        crashed: 'the check of the document ended before it had an answer',
      },
    });
  }

  /**
   * Throws a DocumentError that names every fault of the document, and an HttpProblem where too many wait or it takes too
   * long. Bytes are gone afterwards.
   */
  async run<W extends Work>(work: W, input: WorkInput<W>): Promise<WorkResult<W>> {
    const done = sizeOf(input) <= INLINE_BYTES_MAX ? doWork(work, input) : await this.#request(work, input);
    if ('refused' in done) throw new DocumentError(done.refused, done.faults);
    return done.result;
  }

  /** Refuses what waits. */
  stop(): Promise<void> {
    return this.#thread.stop();
  }

  async #request<W extends Work>(work: W, input: WorkInput<W>): Promise<Done<W>> {
    const thread = this.#thread;
    if (thread.pending >= CHECKS_MAX) throw busy(`${CHECKS_MAX} documents are being checked; send it again`);
    const bytes = input instanceof Uint8Array ? ownBytes(input) : undefined;
    const answer = bytes
      ? thread.request({ work, input: bytes }, { transfer: [bytes.buffer] })
      : thread.request({ work, input });
    return answer.catch((error: unknown) => {
      throw busy(error instanceof Error ? error.message : String(error));
    }) as Promise<Done<W>>;
  }
}

function busy(detail: string): HttpProblem {
  return new HttpProblem(503, 'busy', detail, { retryAfterS: RETRY_AFTER_S });
}

/** Of a pooled buffer only a copy can be moved to another thread. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  return isOwn ? new Uint8Array(buffer) : Uint8Array.from(bytes);
}

/** About how many bytes there are to look through. */
function sizeOf(input: unknown): number {
  if (typeof input === 'string' || input instanceof Uint8Array) return input.length;
  if (typeof input !== 'object' || input === null) return 8;
  return Object.values(input).reduce<number>((sum, value) => sum + sizeOf(value), 0);
}
