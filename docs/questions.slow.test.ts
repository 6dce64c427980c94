// Every call of docs/QUESTIONS.md against a running demo: the answer has what the document shows of it. Numbers and times are
// those of the moment; names, words and what is null are compared.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { questionsOf, readSentence } from '../commands/ask-sentence.ts';
import { freeUdpPort, type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';
import { urlQuery } from '../testing/url-query.ts';

const QUESTIONS = 20;
/** The demo's past is half an hour. */
const FILLED_MS_MAX = 120_000;
const TIME = /^\d{4}-\d{2}-\d{2}T/;
const KEY = /^[0-9a-f]{16}$/;

interface Shown {
  readonly title: string;
  /** A sentence for `hairpin ask`, or the arguments of curl. */
  readonly sentence: string | undefined;
  readonly url: string | undefined;
  readonly body: string | undefined;
  readonly excerpt: unknown;
}

const text = readFileSync(join(import.meta.dirname, 'QUESTIONS.md'), 'utf8');
const shown: Shown[] = text
  .split(/^## (?=\d+\. )/m)
  .slice(1)
  .map(section => ({
    title: section.split('\n', 1)[0]!,
    sentence: /^npx hairpin ask '([^']+)'/m.exec(section)?.[1],
    url: /^curl .*?'https?:\/\/[^/]+(\/[^']+)'/m.exec(section)?.[1],
    body: /--data '([^']+)'/.exec(section)?.[1],
    excerpt: JSON.parse(/^```json\n(.*?)^```/ms.exec(section)![1]!),
  }));

let hairpin: RunningHairpin;

beforeAll(async () => {
  const ports = await Promise.all([freeUdpPort(), freeUdpPort(), freeUdpPort()]);
  hairpin = await startHairpin({ command: 'demo', args: ['--udp', ports.join(','), '--udp-host', '127.0.0.1'] });
  await until(async () => {
    const { cells } = (await answerOf('/api/v1/matrix?from=now-25m')) as { cells: readonly unknown[] };
    return cells.length >= 15;
  }, FILLED_MS_MAX);
}, 2 * FILLED_MS_MAX);

afterAll(() => hairpin?.stop());

async function answerOf(path: string, body?: string): Promise<unknown> {
  const response = await fetch(hairpin.api + path, {
    ...(body && { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
  });
  const answer = await response.text();
  expect(response.status, answer).toBe(200);
  return JSON.parse(answer);
}

async function pathOf({ sentence, url }: Shown): Promise<string> {
  if (sentence === undefined) return url!;
  const questions = questionsOf((await answerOf('/docs/json')) as Parameters<typeof questionsOf>[0]);
  const { question, query } = readSentence(sentence, questions);
  return `/api/v1/${question.name}?${urlQuery(query)}`;
}

/** Where the answer lacks what is shown; undefined where it has it. */
function missing(expected: unknown, found: unknown, path = ''): string | undefined {
  if (typeof expected === 'number') return typeof found === 'number' ? undefined : `${path}: ${found} is no number`;
  if (typeof expected === 'string') {
    const isOfMoment = TIME.test(expected) || KEY.test(expected) || /\d/.test(expected);
    const fits = isOfMoment ? typeof found === 'string' : found === expected;
    return fits ? undefined : `${path}: ${JSON.stringify(found)} for ${JSON.stringify(expected)}`;
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(found)) return `${path}: no list`;
    const lost = expected.find(one => found.every(candidate => missing(one, candidate, path) !== undefined));
    return lost === undefined ? undefined : `${path}: none is like ${JSON.stringify(lost)}`;
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof found !== 'object' || found === null) return `${path}: ${found} is no object`;
    for (const [name, value] of Object.entries(expected)) {
      const lost = missing(value, (found as Record<string, unknown>)[name], `${path}/${name}`);
      if (lost !== undefined) return lost;
    }
    return undefined;
  }
  return found === expected ? undefined : `${path}: ${JSON.stringify(found)} for ${JSON.stringify(expected)}`;
}

test('there are twenty', () => {
  expect(shown.map(({ title }) => Number.parseInt(title, 10))).toEqual(
    Array.from({ length: QUESTIONS }, (_, i) => i + 1),
  );
});

test.each(shown)('$title', { timeout: 60_000 }, async one => {
  const answer = await answerOf(await pathOf(one), one.body);
  expect(missing(one.excerpt, answer), JSON.stringify(answer).slice(0, 3000)).toBeUndefined();
});
