import { afterEach, describe, expect, test } from 'vitest';
import { DocumentError } from '../../schemas/documents.ts';
import { createLog } from '../../service/log.ts';
import { HttpProblem } from '../http/problem.ts';
import { CHECKS_MAX, DocumentChecks } from './checking.ts';

const opened: DocumentChecks[] = [];
afterEach(async () => {
  for (const checks of opened.splice(0)) await checks.stop();
});

function create(options: { readonly checkMsMax?: number } = {}): DocumentChecks {
  const checks = new DocumentChecks({ log: createLog('test', 'error'), ...options });
  opened.push(checks);
  return checks;
}

const registryOf = (exporters: number, more = '') =>
  Buffer.from(
    `{"exporters":[${Array.from({ length: exporters }, (_, i) => `{"address":"10.${i >> 16}.${(i >> 8) & 255}.${i & 255}","switch":"s${i}"}`).join(',')}${more}]}`,
  );
const LARGE = 20_000;

/** What a request that was refused for want of time or room was answered with. */
const refusal = (run: Promise<unknown>) =>
  run.then(
    () => 'answered',
    (error: unknown) =>
      error instanceof HttpProblem ? { ...error.document, retryAfterS: error.retryAfterS } : String(error),
  );

describe('a document', () => {
  test.each([
    ['small', 10],
    ['large', LARGE],
  ])('that is %s is checked alike: counted, or refused with every fault', async (_, exporters) => {
    const checks = create();
    const { body, ...counts } = await checks.run('registry', registryOf(exporters));
    expect(counts).toMatchObject({ exporters, ports: 0 });
    expect(counts.switches.at(-1)).toEqual([exporters - 1, `s${exporters - 1}`]);
    expect(JSON.parse(body).exporters).toHaveLength(exporters);
    const broken = checks.run('registry', registryOf(exporters, ',{"address":"nowhere"},{"colour":1}'));
    const error = await broken.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DocumentError);
    expect((error as DocumentError).message).toMatch(/^the exporter registry is refused, /);
    expect((error as DocumentError).faults.map(({ path }) => path).sort()).toEqual([
      `/exporters/${exporters}/address`,
      `/exporters/${exporters + 1}/address`,
      `/exporters/${exporters + 1}/colour`,
    ]);
  });

  test('beyond those that may wait is refused with when to come again, whatever its kind', async () => {
    const checks = create();
    const waiting = Array.from({ length: CHECKS_MAX }, (_, i) =>
      i % 2 === 0 ? checks.run('registry', registryOf(LARGE)) : checks.run('hiding', registryOf(LARGE).toString()),
    );
    for (const work of ['snapshot', 'registry', 'applications'] as const)
      expect(await refusal(checks.run(work, registryOf(LARGE)))).toMatchObject({
        status: 503,
        type: 'urn:hairpin:problem:busy',
        retryAfterS: 10,
      });
    // What is small does not wait behind what is large.
    expect(await checks.run('registry', registryOf(3))).toMatchObject({ exporters: 3 });
    expect(await Promise.all(waiting)).toHaveLength(CHECKS_MAX);
    expect(await checks.run('registry', registryOf(LARGE))).toMatchObject({ exporters: LARGE });
  });

  test('that takes too long is refused with what to do', async () => {
    const checks = create({ checkMsMax: 1 });
    expect(await refusal(checks.run('registry', registryOf(LARGE)))).toMatchObject({
      status: 503,
      detail: expect.stringContaining('send it as JSON'),
    });
  });

  test('that waits is refused when the API is stopped', async () => {
    const checks = create();
    const refused = refusal(checks.run('registry', registryOf(LARGE)));
    await checks.stop();
    expect(await refused).toMatchObject({ status: 503 });
  });
});
