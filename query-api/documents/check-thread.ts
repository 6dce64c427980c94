// Checks one snapshot and ends.

import { parentPort, workerData } from 'node:worker_threads';
import { checkSnapshot } from './check.ts';

parentPort!.postMessage(checkSnapshot(workerData as Uint8Array));
