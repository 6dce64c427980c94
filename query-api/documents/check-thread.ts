// Checks one snapshot and ends.

import { parentPort } from 'node:worker_threads';
import { threadData } from '../../service/compile-cache.ts';
import { checkSnapshot } from './check.ts';

parentPort!.postMessage(checkSnapshot(threadData<Uint8Array>()));
