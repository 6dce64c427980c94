// The tables, and docs/PROTOCOLS.md, which is made of them. Nothing here needs the corpus or a tool.

import { expect, test } from 'vitest';
import { readCaptures } from '../corpus/captures.ts';
import { protocolsDocument } from './document.ts';
import { FEATURES } from './features.ts';
import { MALFORMED_CASES } from './malformed-cases.ts';
import { MALFORMED_INPUTS } from './malformed-inputs.ts';
import { idsIn, matches, readProofs } from './proof.ts';
import { QUIRKS } from './quirks.ts';

const LINES = [...FEATURES.flatMap(({ features }) => features), ...QUIRKS, ...MALFORMED_CASES];
const proofs = readProofs();

test('every id is of one line, and tests name no other', () => {
  const ids = LINES.map(({ id }) => id);
  expect(ids.length).toBe(new Set(ids).size);
  expect([...proofs.keys()].filter(id => !ids.includes(id))).toEqual([]);
});

test('every malformed case has inputs and a test, and every line has a proof or a reason', () => {
  expect(MALFORMED_CASES.length).toBe(35);
  expect(MALFORMED_INPUTS.map(inputs => inputs.length > 0)).toEqual(MALFORMED_CASES.map(() => true));
  expect(MALFORMED_CASES.filter(({ id }) => !proofs.has(id))).toEqual([]);
  const bare = LINES.filter(
    ({ id, captures = [], unsupported }) => captures.length === 0 && !proofs.has(id) && !unsupported,
  );
  expect(bare).toEqual([]);
});

test('every capture that a table names is one of the corpus', () => {
  const files = readCaptures().map(({ file }) => file);
  const patterns = LINES.flatMap(({ captures = [] }) => captures);
  expect(patterns.filter(pattern => !files.some(file => matches(pattern, file)))).toEqual([]);
});

test('a comment above a test names the lines that it proves', () => {
  expect(idsIn("  // proves: one, two\n  test('any title', () => {});\n// It proves: nothing\n")).toEqual([
    'one',
    'two',
  ]);
});

test('docs/PROTOCOLS.md is what the tables say', async () => {
  await expect(protocolsDocument(proofs)).toMatchFileSnapshot('../../docs/PROTOCOLS.md');
});
