// What requests become whose response is no answer.

import { expect, test } from 'vitest';
import { answerOf, createClient, NotModifiedError } from './client.ts';

const client = createClient({ api: 'http://127.0.0.1:8080' });
const responding = (response: Response) => ({ fetch: async () => response, headers: { 'if-none-match': '"a1"' } });

test('an answer that the client has already is an error of its own, with its etag', async () => {
  const unchanged = responding(new Response(null, { status: 304, headers: { etag: '"a1"' } }));
  const answer = answerOf(client.GET('/api/v1/top', unchanged));
  await expect(answer).rejects.toBeInstanceOf(NotModifiedError);
  await expect(answer).rejects.toMatchObject({ name: 'NotModifiedError', etag: '"a1"' });
});

test('the request itself does not throw then: its response says 304', async () => {
  const { data, response } = await client.GET('/api/v1/top', responding(new Response(null, { status: 304 })));
  expect([data, response.status]).toEqual([undefined, 304]);
});

test('an answer is the body of the response', async () => {
  const body = JSON.stringify({ total: { value: 7 } });
  const headers = { 'content-type': 'application/json' };
  const { total } = await answerOf(client.GET('/api/v1/top', responding(new Response(body, { headers }))));
  expect(total.value).toBe(7);
});
