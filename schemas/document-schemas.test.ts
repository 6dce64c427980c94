import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
import { DOCUMENT_NAMES, documentSchema } from './document-schemas.ts';

test.each(DOCUMENT_NAMES)('docs/schemas/%s.schema.json is what the code says', async name => {
  await expect(`${JSON.stringify(documentSchema(name), undefined, 2)}\n`).toMatchFileSnapshot(
    `../docs/schemas/${name}.schema.json`,
  );
});

test('what is published says all by itself: a checker made of its text refuses what Hairpin refuses', () => {
  const published = Compile(JSON.parse(JSON.stringify(documentSchema('inventory'))));
  expect(published.Check({ source: 'x', asOf: '2026-01-01T00:00:00Z', racks: [{ id: 'r' }] })).toBe(true);
  expect(published.Check({ source: 'x', asOf: 'yesterday' })).toBe(false);
  expect(published.Check({ source: 'x', asOf: '2026-01-01T00:00:00Z', racks: [{ id: 'r', colour: 'red' }] })).toBe(
    false,
  );
});
