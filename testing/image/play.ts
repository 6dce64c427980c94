// Runs the image: `start`, then docker-compose.yml. .ci/image builds the image and calls this in a network of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { playAllInOne, playWithoutEngine } from './all-in-one.ts';
import { playDistributed } from './distributed.ts';

const [allInOne, services, address] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'hairpin-image-'));
try {
  await playAllInOne(allInOne!, folder);
  await playWithoutEngine(services!);
  await playDistributed(services!, folder, address!);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// Connections that are kept open hold nothing back.
process.exit();
