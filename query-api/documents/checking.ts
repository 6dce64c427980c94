// Large snapshots are checked in a thread of their own, one after the other: while 100,000 VMs are looked through, the API
// goes on answering. Small ones are not worth the start of a thread.

import { Worker } from 'node:worker_threads';
import { HttpProblem } from '../http/problem.ts';
import { type Checked, checkSnapshot } from './check.ts';

const INLINE_BYTES_MAX = 256 * 1024;
/** Snapshots that are checked or wait for it; more are refused, and sent again by whoever polls. */
export const CHECKS_MAX = 4;

/** Takes the bytes: they are gone afterwards. */
export type Check = (bytes: Buffer<ArrayBuffer>) => Promise<Checked>;

export function createCheck(): Check {
  let running: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async bytes => {
    if (bytes.length <= INLINE_BYTES_MAX) return checkSnapshot(bytes);
    if (waiting >= CHECKS_MAX)
      throw new HttpProblem(
        503,
        'busy',
        'Too many snapshots at once',
        `${CHECKS_MAX} are being checked; send it again`,
      );
    waiting++;
    const checked = running.then(() => checkApart(bytes));
    running = checked.catch(() => {}).finally(() => waiting--);
    return checked;
  };
}

function checkApart(bytes: Buffer<ArrayBuffer>): Promise<Checked> {
  const own = new Uint8Array(
    bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : Uint8Array.from(bytes).buffer,
  );
  const worker = new Worker(new URL('./check-thread.ts', import.meta.url), {
    workerData: own,
    transferList: [own.buffer],
  });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', code => reject(new Error(`the check ended with code ${code} before it had an answer`)));
  });
}
