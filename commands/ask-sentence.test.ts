// Sentences against the parameters of an OpenAPI document.

import { expect, test } from 'vitest';
import { questionsOf, readSentence } from './ask-sentence.ts';

const parameter = (name: string, type: string | readonly string[] = 'string') => ({
  ...{ name, description: '', schema: { type } },
});
const QUESTIONS = questionsOf({
  paths: {
    '/api/v1/matrix': { get: { parameters: [parameter('by'), parameter('from'), parameter('filter')] } },
    '/api/v1/coincidence': {
      get: { parameters: [parameter('series', ['string', 'array']), parameter('ids', 'array'), parameter('from')] },
    },
  },
});

test.each<[sentence: string, query: Readonly<Record<string, string | readonly string[]>>]>([
  ['coincidence series srcApp=web', { series: 'srcApp=web' }],
  [
    'coincidence series srcApp=web series "srcApp = shop db" last 24h series dst.port=443',
    { series: ['srcApp=web', 'srcApp = shop db', 'dst.port=443'], from: 'now-24h' },
  ],
  ['coincidence ids 1 ids 2', { ids: ['1', '2'] }],
  ['matrix by app where app = web', { by: 'app', filter: 'app = web' }],
])('%s', (sentence, query) => {
  expect(readSentence(sentence, QUESTIONS).query).toEqual(query);
});

test.each(['matrix by app by vm', 'matrix last 1h from now', 'coincidence from now-2h series a series b last 1h'])(
  '%s: only a parameter that takes several values is repeated',
  sentence => {
    expect(() => readSentence(sentence, QUESTIONS)).toThrow('is given twice');
  },
);
