// `start` from the image as SECURITY.md wants it: user node, read-only root, no capability. It gets a load of known truth,
// answers the matrix to the byte, and stops in order.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runLoad } from '../../benchmarks/load/load.ts';
import { parseLoadOptions } from '../../benchmarks/load/options.ts';
import { verify } from '../../benchmarks/verify/verify.ts';
import { exitCodeOf, logOf, looseEnds, podman, untilHealthy } from './containers.ts';

const LOAD = { to: '127.0.0.1:2055', protocol: 'netflow9', rate: 2000 };
const RESTRICTIONS = ['--read-only', '--tmpfs=/tmp', '--cap-drop=ALL', '--security-opt=no-new-privileges'];
const DOCUMENTS = ['inventory', 'applications', 'exporters'];

export async function playAllInOne(image: string, folder: string): Promise<void> {
  const documents = join(folder, 'documents');
  await runLoad(parseLoadOptions({ ...LOAD, seconds: 0, documents }));
  const container = await podman(
    'run',
    '--detach',
    '--network=host',
    ...RESTRICTIONS,
    `--volume=${documents}:/documents:ro`,
    image,
    ...['start', '--data', '/data'],
    ...DOCUMENTS.flatMap(name => [`--${name}`, `/documents/${name}.json`]),
  );
  console.log(`start: healthy after ${await untilHealthy(container)} ms`);
  assert.deepEqual(await looseEnds(container), []);
  const { truth, flows } = await runLoad(parseLoadOptions({ ...LOAD, seconds: 5 }));
  const lines: string[] = [];
  const { exitCode } = await verify({ truth, api: 'http://127.0.0.1:8080', print: line => lines.push(line) });
  assert.equal(exitCode, 0, lines.join('\n'));
  await podman('stop', '--time=30', container);
  assert.equal(await exitCodeOf(container), 0);
  console.log(`start: ${flows} flows, every cell of the matrix to the byte; stopped with exit code 0`);
}

/** The image without ClickHouse's engine refuses to start alone, and says what it needs. */
export async function playWithoutEngine(image: string): Promise<void> {
  const container = await podman('run', '--detach', '--network=host', ...RESTRICTIONS, image);
  await podman('wait', container);
  assert.match(await logOf(container), /ENGINE_MISSING: .* give the URL of a server with --clickhouse/);
  assert.equal(await exitCodeOf(container), 1);
}
