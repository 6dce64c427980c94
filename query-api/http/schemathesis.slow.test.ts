// schemathesis makes requests of the OpenAPI description, valid and not, and compares the answers with it: no server error, no
// status, header, type of content or shape that is not described, nothing invalid accepted.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertHeartbeat } from '../../storage/tables/heartbeats.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { exhaustive, onPath, requireTool, SCHEMATHESIS } from '../../testing/requirements.ts';

const present = requireTool(SCHEMATHESIS, onPath('schemathesis'), 'pip install schemathesis in an environment on PATH');
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const web = node('application', 'web');

/**
 * Left out: that whatever fits the schemas is accepted. Filters, times and names of nodes are languages and data of their own,
 * which a schema does not hold; `filter.integration.test.ts` makes valid ones.
 */
const LEFT_OUT = 'positive_data_acceptance';

const EMPTY_PREVIEW = {
  ...{ bytes: 0, examinedShare: null, conversations: 0, movedShare: null, serviceMovedShare: null },
  ...{ unclassifiedShare: { before: null, after: null }, moves: [], cells: [], applications: [], warnings: [] },
  elapsedMs: 0,
};

let server: TestServer;
let house: QueryHouse;
let folder: string;

beforeAll(async () => {
  if (!present) return;
  folder = mkdtempSync(join(tmpdir(), 'hairpin-schemathesis-'));
  server = await startTestServer();
  const storage = server.connect('schemathesis');
  const state = { running: false, dryRun: false, days: [], error: '', erasing: false };
  house = await createQueryHouse(server, 'schemathesis', {
    nowMs: NOW,
    flows: [flow({ srcApp: web.key, dstApp: web.key, bytes: 10, l2Bytes: 28, flowEnd: NOW - 300_000 })],
    nodes: [
      web,
      node('application', 'db'),
      node('application', 'api'),
      node('vm', 'web-1'),
      node('segment', 'vlan-10'),
    ],
    config: { http: '127.0.0.1:0' },
    dependencies: {
      documents: {
        insert: version => insertDocument(storage, version),
        insertHeartbeat: heartbeat => insertHeartbeat(storage, heartbeat),
      },
      reenrichments: { start: () => true, stop() {}, state: () => state },
      previews: {
        request: async ({ fromMs, toMs }) => ({
          from: new Date(fromMs).toISOString(),
          to: new Date(toMs).toISOString(),
          ...EMPTY_PREVIEW,
        }),
      },
    },
  });
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
  if (folder) rmSync(folder, { recursive: true });
});

test.skipIf(!present)(
  'schemathesis finds nothing that the description does not say',
  { timeout: 600_000 },
  async () => {
    // Its list of refusals lacks 413 and 431: a text beyond its limit may be longer than a head may be.
    const refusals = [400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 431];
    const settings = `[checks.negative_data_rejection]\nexpected-statuses = ${JSON.stringify(refusals)}\n`;
    writeFileSync(join(folder, 'schemathesis.toml'), settings);
    const { url } = await house.api.start();
    const child = spawn(
      'schemathesis',
      [
        ...['run', `${url}/docs/json`, '--url', url, '--phases', 'examples,coverage,fuzzing', '--continue-on-failure'],
        ...[
          '--max-examples',
          exhaustive ? '60' : '15',
          '--seed',
          '20261130',
          '--exclude-checks',
          LEFT_OUT,
          '--no-color',
        ],
      ],
      { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    child.stdout.on('data', data => {
      output += String(data);
    });
    child.stderr.on('data', data => {
      output += String(data);
    });
    const [code] = await once(child, 'close');
    expect(output).toContain('Tested: 34');
    expect(code, output.slice(-6000)).toBe(0);
  },
);
