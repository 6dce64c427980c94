import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { Backoff, retry } from './retry.ts';

vi.mock('node:timers/promises', () => ({ setTimeout: vi.fn(async () => {}) }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.mocked(sleep)
    .mockReset()
    .mockImplementation(async () => {});
});

const PAUSES = { pauseMsMin: 100, pauseMsMax: 350 };
const waited = () => vi.mocked(sleep).mock.calls.map(([ms]) => ms);

/** Fails so many times, then gives its number of tries. */
function failing(times: number) {
  let tries = 0;
  return async () => {
    if (tries++ < times) throw new TypeError(`try ${tries}`);
    return tries;
  };
}

test('pauses double up to the longest; any error is tried again, a TypeError too', async () => {
  const failures: unknown[] = [];
  const result = await retry(failing(4), {
    pauses: PAUSES,
    onFailure(error, failure) {
      failures.push([(error as Error).message, failure]);
    },
  });
  expect(result).toBe(5);
  expect(waited()).toEqual([100, 200, 350, 350]);
  expect(failures).toEqual([
    ['try 1', { tries: 1, pauseMs: 100 }],
    ['try 2', { tries: 2, pauseMs: 200 }],
    ['try 3', { tries: 3, pauseMs: 350 }],
    ['try 4', { tries: 4, pauseMs: 350 }],
  ]);
});

test('a pause before the first try counts as one of them', async () => {
  await retry(failing(1), { pauses: PAUSES, pauseFirst: true });
  expect(waited()).toEqual([100, 200]);
});

test('a pause that the caller chose counts as one of them', async () => {
  await retry(failing(3), {
    pauses: PAUSES,
    pauseMsAfter: error => ((error as Error).message === 'try 2' ? 7 : undefined),
  });
  expect(waited()).toEqual([100, 7, 350]);
});

test('the random part of a pause makes it shorter', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  await retry(failing(1), { pauses: PAUSES, jitter: 0.5 });
  expect(waited()).toEqual([75]);
});

test('what the caller throws ends the tries', async () => {
  const ended = retry(failing(9), {
    pauses: PAUSES,
    onFailure: (error, { tries }) => {
      if (tries === 2) throw error;
    },
  });
  await expect(ended).rejects.toThrow('try 2');
});

test('the signal ends the tries, and a pause at once', async () => {
  const stopping = new AbortController();
  vi.mocked(sleep).mockImplementation(async (_ms, _value, options) => {
    stopping.abort();
    options?.signal?.throwIfAborted();
  });
  let tries = 0;
  const result = await retry(() => Promise.reject(new Error(String(++tries))), {
    pauses: PAUSES,
    signal: stopping.signal,
  });
  expect(result).toBeUndefined();
  expect(tries).toBe(1);
  await expect(retry(async () => 1, { pauses: PAUSES, signal: stopping.signal })).resolves.toBeUndefined();
});

test('a backoff kept between uses goes on where it was until it is reset', async () => {
  const pauses = new Backoff(PAUSES);
  await retry(failing(1), { pauses });
  await retry(failing(1), { pauses });
  pauses.reset();
  await retry(failing(1), { pauses });
  expect(waited()).toEqual([100, 200, 100]);
});
