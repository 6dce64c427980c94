import { expect, test } from 'vitest';
import { inSlices } from './slices.ts';

const spend = (ms: number) => {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
};

test('everything is done once and in order, while other work has its turns', async () => {
  const done: number[] = [];
  let turns = 0;
  let working = true;
  const others = (async () => {
    for (; working; turns++) await new Promise(resolve => setImmediate(resolve));
  })();
  const count = await inSlices(
    1000,
    number => {
      done.push(number);
      if (number % 100 === 0) spend(5);
    },
    { sliceMs: 2, totalMs: 60_000 },
  );
  working = false;
  await others;
  expect(count).toBe(1000);
  expect(done).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  // Each of ten things takes more than a slice.
  expect(turns).toBeGreaterThanOrEqual(10);
});

test('what does not end in time, or is stopped, is left where it is', async () => {
  expect(await inSlices(1_000_000, () => spend(0.05), { sliceMs: 2, totalMs: 30 })).toBeLessThan(1_000_000);
  let calls = 0;
  const isStopped = () => calls > 0;
  const call = () => {
    calls++;
    spend(0.05);
  };
  const stopped = await inSlices(1_000_000, call, { sliceMs: 2, totalMs: 60_000, isStopped });
  expect(stopped).toBe(calls);
  expect(stopped).toBeLessThan(1_000_000);
});
