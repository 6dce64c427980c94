// Large snapshots are checked in a thread of their own, one after the other: while 100,000 VMs are looked through, the API
// goes on answering. Small ones are not worth the start of a thread.

import { Worker } from 'node:worker_threads';
import { createLog } from '../../service/log.ts';
import { RequestThread } from '../../service/request-thread.ts';
import { HttpProblem } from '../http/problem.ts';
import { type Checked, checkSnapshot } from './check.ts';

const INLINE_BYTES_MAX = 256 * 1024;
/** Snapshots that are checked or wait for it; more are refused, and sent again by whoever polls. */
export const CHECKS_MAX = 4;

/** Takes the bytes: they are gone afterwards. */
export type Check = (bytes: Buffer<ArrayBuffer>) => Promise<Checked>;

export function createCheck(): Check {
  const thread = new RequestThread<Uint8Array, Checked>({
    log: createLog('query-api'),
    spawn: () => new Worker(new URL('./check-thread.ts', import.meta.url)),
    requestsMax: CHECKS_MAX,
    // What the check of 100,000 VMs took in memory is not kept.
    endsWhenIdle: true,
    words: {
      name: 'check thread',
      busy: 'snapshots are being checked',
      late: 'the snapshot was not checked within',
      crashed: 'the check of the snapshot ended before it had an answer',
    },
  });
  return async bytes => {
    if (bytes.length <= INLINE_BYTES_MAX) return checkSnapshot(bytes);
    if (thread.pending >= CHECKS_MAX)
      throw new HttpProblem(503, 'busy', `${CHECKS_MAX} snapshots are being checked; send it again`);
    const own = new Uint8Array(
      bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : Uint8Array.from(bytes).buffer,
    );
    return thread.request(own, { transfer: [own.buffer] });
  };
}
