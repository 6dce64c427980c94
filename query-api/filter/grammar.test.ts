// parser.ts is what Lezer makes of filter.grammar: `--update` writes it again.

import { readFileSync } from 'node:fs';
import { buildParserFile } from '@lezer/generator';
import { expect, test } from 'vitest';

test('the parser is the one of the grammar', async () => {
  const grammar = readFileSync(new URL('./filter.grammar', import.meta.url), 'utf8');
  const warnings: string[] = [];
  const { parser, terms } = buildParserFile(grammar, {
    fileName: 'filter.grammar',
    typeScript: true,
    warn: message => warnings.push(message),
  });
  expect(warnings).toEqual([]);
  await expect(parser).toMatchFileSnapshot('./parser.ts');
  await expect(terms).toMatchFileSnapshot('./parser.terms.ts');
});
