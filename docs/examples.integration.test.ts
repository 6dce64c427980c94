// Every request that README, a document or the OpenAPI description gives as an example is answered.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { questionsOf, readSentence } from '../commands/ask-sentence.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { flow, node } from '../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../testing/query-house.ts';
import { urlQuery } from '../testing/url-query.ts';

const ROOT = join(import.meta.dirname, '..');
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const DOCUMENTS = globSync(['README.md', 'CONTRIBUTING.md', 'docs/**/*.md'], { cwd: ROOT }).sort();

/** Requests that a document gives: `GET /api/v1/...`, and what curl is called with. */
function requestsOf(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const written = [
    ...text.matchAll(/^curl (?!.*-X)[^\n]*?'?https?:\/\/[^/\s]+(\/[^'\s]*)'?/gm),
    ...text.matchAll(/`(?:GET )?(\/api\/v1\/[^`\s]*)`/g),
  ].map(([, url]) => url!);
  // `?at=` names a parameter whose value is the reader's.
  return written.map(url => url.replace(/=$/, '=now'));
}

/** Sentences that documents give to `hairpin ask`. */
const sentences = DOCUMENTS.flatMap(document =>
  [...readFileSync(join(ROOT, document), 'utf8').matchAll(/^npx hairpin ask '([^']+)'/gm)].map(([, text]) => text!),
);

/** The lines of the blocks that hold filters. */
const filters = [...readFileSync(join(ROOT, 'docs/FILTERS.md'), 'utf8').matchAll(/^```filter\n(.*?)^```/gms)].flatMap(
  ([, block]) => block!.trim().split('\n'),
);

const examples = DOCUMENTS.flatMap(document => requestsOf(document).map(url => [document, url] as const));

let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const applications = ['shop-web', 'shop-app', 'shop-db', 'edge', 'web', 'db', 'api'].map(name =>
    node('application', name),
  );
  const [web, app] = applications as [(typeof applications)[number], (typeof applications)[number]];
  house = await createQueryHouse(server, 'examples', {
    nowMs: NOW,
    flows: [flow({ srcApp: web.key, dstApp: app.key, bytes: 1500, l2Bytes: 1518, flowEnd: NOW - 300_000 })],
    nodes: [...applications, node('vm', 'web-1'), node('segment', 'vlan-10'), node('segment', 'production')],
  });
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

test('the documents hold examples', () => {
  expect(examples.length).toBeGreaterThan(10);
  expect(examples.map(([, url]) => url)).toContain(
    '/api/v1/series?from=now-24h&filter=srcApp=shop-web,dstApp=shop-app&metric=avgBps',
  );
});

test.each(examples)('%s: %s', async (_document, url) => {
  const { status, body } = await house.get(url);
  // What reads the inventory or records documents is not part of this process, and says so.
  const missing = status === 409 || (status === 404 && body.includes('there is no'));
  expect(missing || status === 200, `${status} ${body.slice(0, 300)}`).toBe(true);
});

test.each(sentences)('hairpin ask %s', async sentence => {
  const questions = questionsOf(JSON.parse((await house.get('/docs/json')).body));
  const { question, query } = readSentence(sentence, questions);
  const { status, body } = await house.get(`/api/v1/${question.name}?${urlQuery(query)}`);
  expect(status, body.slice(0, 300)).toBe(200);
});

test.each(filters)('docs/FILTERS.md: %s', async filter => {
  const { status, body } = await house.get('/api/v1/top', { filter });
  expect(status, body.slice(0, 300)).toBe(200);
});

test("the README's series of two applications is what was sent between them", async () => {
  const url = '/api/v1/series?from=now-24h&filter=srcApp=shop-web,dstApp=shop-app&metric=avgBps';
  const { status, body } = await house.get(url);
  expect([status, (JSON.parse(body) as { series: { total: number }[] }).series.map(({ total }) => total)]).toEqual([
    200,
    [1500],
  ]);
});

interface Parameter {
  readonly name: string;
  readonly description?: string;
  readonly required?: boolean;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
  readonly schema: { readonly examples?: readonly unknown[]; readonly enum?: readonly string[] };
}

/** Parameters without which a question is refused, with their examples. */
function requiredOf(parameters: readonly Parameter[] = []): Record<string, string> {
  return Object.fromEntries(
    parameters.filter(one => one.required === true).map(one => [one.name, String(one.example)]),
  );
}

/** What the description shows for a parameter, and its choices. */
function valuesOf({ schema, examples, example }: Parameter): string[] {
  const shown = [...(schema.examples ?? []), ...Object.values(examples ?? {}).map(({ value }) => value), example];
  return [...new Set([...shown, ...(schema.enum ?? [])].filter(value => value !== undefined).map(String))];
}

/** The first values of all parameters together, the second ones, and so on: a request for each. */
function togetherOf(parameters: readonly Parameter[]): Record<string, string>[] {
  const lists = parameters.map(parameter => ({ name: parameter.name, values: valuesOf(parameter) }));
  const longest = Math.max(0, ...lists.map(({ values }) => values.length));
  return Array.from({ length: longest }, (_, i) =>
    Object.fromEntries(lists.filter(({ values }) => i < values.length).map(({ name, values }) => [name, values[i]!])),
  );
}

test('every example and every choice of a parameter in the OpenAPI description is accepted', {
  timeout: 400_000,
}, async () => {
  const { paths } = JSON.parse((await house.get('/docs/json')).body) as {
    paths: Record<string, { get?: { parameters?: Parameter[] } }>;
  };
  const requests = Object.entries(paths).flatMap(([path, { get }]) =>
    togetherOf(get?.parameters ?? []).map(together => ({ path, together, required: requiredOf(get?.parameters) })),
  );
  expect(requests.filter(({ together }) => 'filter' in together).length).toBeGreaterThan(10);
  for (const { path, together, required } of requests) {
    if ((await house.get(path, { ...required, ...together })).status === 200) continue;
    // Not all go with each other: then each is asked for alone.
    for (const [name, value] of Object.entries(together)) {
      const query = { ...required, [name]: value };
      const { status, body } = await house.get(path, query);
      // An example of what is required names nothing of the other kinds.
      if (status === 400) {
        const { parameters } = JSON.parse(body) as { parameters: readonly { parameter: string }[] };
        if (parameters.every(({ parameter }) => parameter !== name && parameter in query)) continue;
      }
      expect([200, 409], `${path}?${name}=${value}: ${body.slice(0, 300)}`).toContain(status);
    }
  }
});

test('the description of a filter shows nothing that the examples do not run', async () => {
  const { paths } = JSON.parse((await house.get('/docs/json')).body) as {
    paths: Record<string, { get?: { parameters?: Parameter[] } }>;
  };
  const filter = paths['/api/v1/matrix']!.get!.parameters!.find(({ name }) => name === 'filter')!;
  const shown = [...filter.description!.matchAll(/`(\w+!?=[^`]+)`/g)].map(([, text]) => text);
  expect(shown.length).toBeGreaterThan(1);
  const run = [...(filter.schema.examples ?? []), ...Object.values(filter.examples ?? {}).map(({ value }) => value)];
  expect(shown.filter(text => !run.includes(text))).toEqual([]);
});
