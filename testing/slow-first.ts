// The order of test files: slow ones first, then those of several parts together, and among them those with the longest
// limit, since a long one begun last leaves one of two workers with nothing to do. The largest number that such a file states
// stands for its limit: that is rough, and no list has to be kept. The seed decides the order of files that are alike, so that
// a test that needs another before it shows.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const NUMBER = /\b\d{1,3}(?:_\d{3})+\b/g;
const HOUR_MS = 3_600_000;
/** By the end of their names; those of no kind take milliseconds. */
const LONG_KINDS = ['.slow.test.ts', '.integration.test.ts'];

export class SlowFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { seed } = this.ctx.config.sequence;
    const placed = files.map(file => {
      const kind = LONG_KINDS.findIndex(end => file.moduleId.endsWith(end));
      return {
        file,
        kind: kind === -1 ? LONG_KINDS.length : kind,
        limitMs: kind === -1 ? 0 : limitMs(readFileSync(file.moduleId, 'utf8')),
        lot: createHash('sha256').update(`${seed} ${file.moduleId}`).digest('hex'),
      };
    });
    placed.sort((a, b) => a.kind - b.kind || b.limitMs - a.limitMs || (a.lot < b.lot ? -1 : 1));
    return Promise.resolve(placed.map(({ file }) => file));
  }
}

function limitMs(text: string): number {
  const stated = Array.from(text.matchAll(NUMBER), ([number]) => Number(number.replaceAll('_', '')));
  return Math.max(1, ...stated.filter(ms => ms < HOUR_MS));
}
