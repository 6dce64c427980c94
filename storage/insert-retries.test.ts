import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ENRICHER_COUNTERS } from '../enricher/counters.ts';
import { openCounters } from '../service/counters.ts';
import { createPersistence } from './insert-retries.ts';
import { StorageError } from './storage.ts';

vi.mock('node:timers/promises', () => ({ setTimeout: vi.fn(async () => {}) }));
beforeEach(() => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.mocked(sleep).mockClear();
});

const open = (triesMax: number) =>
  createPersistence({
    triesMax,
    log: pino({ level: 'silent' }),
    counters: openCounters(ENRICHER_COUNTERS),
    signal: new AbortController().signal,
  });
const pauses = () => vi.mocked(sleep).mock.calls.map(([ms]) => ms);

test('a permanent failure is tried again after 1, 5, 15 and 30 seconds', async () => {
  const outcome = await open(7)('a batch', () => Promise.reject(new StorageError('permanent', 27, 'no')));
  expect(outcome).toEqual({ done: 'refused', reason: 'no' });
  expect(pauses()).toEqual([1000, 5000, 15_000, 30_000, 30_000, 30_000]);
});

test('a transient failure is tried again soon, then every 10 seconds', async () => {
  let tries = 0;
  const outcome = await open(1)('a batch', async () => {
    if (++tries <= 9) throw new StorageError('transient', 210, 'away');
  });
  expect(outcome).toEqual({ done: 'stored' });
  expect(pauses()).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
});
