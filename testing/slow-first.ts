// The order of test files: slow ones first, and among them those with the longest limit, since a long one begun last leaves
// one of two workers with nothing to do. The largest number that a slow file states stands for its limit: that is rough, and
// no list has to be kept. The seed decides the order of the others, so that a test that needs another before it shows.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const NUMBER = /\b\d{1,3}(?:_\d{3})+\b/g;
const HOUR_MS = 3_600_000;

export class SlowFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { seed } = this.ctx.config.sequence;
    const placed = files.map(file => ({
      file,
      limitMs: file.moduleId.endsWith('.slow.test.ts') ? limitMs(readFileSync(file.moduleId, 'utf8')) : 0,
      lot: createHash('sha256').update(`${seed} ${file.moduleId}`).digest('hex'),
    }));
    placed.sort((a, b) => b.limitMs - a.limitMs || (a.lot < b.lot ? -1 : 1));
    return Promise.resolve(placed.map(({ file }) => file));
  }
}

function limitMs(text: string): number {
  const stated = Array.from(text.matchAll(NUMBER), ([number]) => Number(number.replaceAll('_', '')));
  return Math.max(1, ...stated.filter(ms => ms < HOUR_MS));
}
