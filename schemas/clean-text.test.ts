import { expect, test } from 'vitest';
import { applicationsChecker } from './applications.ts';
import { cleanDocument, cleanText } from './clean-text.ts';

/** By the names of the Unicode character database. */
const UNSEEN: readonly (readonly [code: number, name: string])[] = [
  [0x0007, 'BELL'],
  [0x00ad, 'SOFT HYPHEN'],
  [0x034f, 'COMBINING GRAPHEME JOINER'],
  [0x061c, 'ARABIC LETTER MARK'],
  [0x115f, 'HANGUL CHOSEONG FILLER'],
  [0x180e, 'MONGOLIAN VOWEL SEPARATOR'],
  [0x200b, 'ZERO WIDTH SPACE'],
  [0x200d, 'ZERO WIDTH JOINER'],
  [0x200f, 'RIGHT-TO-LEFT MARK'],
  [0x2028, 'LINE SEPARATOR'],
  [0x202e, 'RIGHT-TO-LEFT OVERRIDE'],
  [0x2060, 'WORD JOINER'],
  [0x2066, 'LEFT-TO-RIGHT ISOLATE'],
  [0x3164, 'HANGUL FILLER'],
  [0xfe0f, 'VARIATION SELECTOR-16'],
  [0xfeff, 'ZERO WIDTH NO-BREAK SPACE'],
  [0xe0041, 'TAG LATIN CAPITAL LETTER A'],
];

test.each(UNSEEN)('%i %s becomes a character that everybody sees', code => {
  expect(cleanText(`db${String.fromCodePoint(code)}1`)).toBe('db\ufffd1');
});

test('what people write stays', () => {
  const text = 'käse-01 Ωμέγα база データ 한글 شبكة 𝒜 🖥 a b';
  expect(cleanText(text)).toBe(text);
  expect(cleanDocument({ about: 'two\nlines\tand a tab', n: [1, null, true] })).toEqual({
    about: 'two\nlines\tand a tab',
    n: [1, null, true],
  });
});

test('a document cannot name an application so that it looks like another', () => {
  const written = { applications: [{ id: 'pay', name: 'pay\u202eroll\u200b', servers: { names: ['pay\u2066*'] } }] };
  for (const document of [
    applicationsChecker.check('it', written),
    applicationsChecker.parse('it', JSON.stringify(written)),
    applicationsChecker.parse(
      'it',
      'applications: [{id: pay, name: "pay\\u202eroll\\u200b", servers: {names: ["pay\\u2066*"]}}]',
    ),
    applicationsChecker.restore(JSON.stringify(written)),
  ])
    expect(document.applications[0]).toMatchObject({ name: 'pay\ufffdroll\ufffd', servers: { names: ['pay\ufffd*'] } });
});

test('ids that differ by what nobody sees are one id', () => {
  const application = (id: string) => ({ id, servers: { names: ['x'] } });
  const twice = { applications: [application('a\u200b'), application('a\u202e')] };
  expect(() => applicationsChecker.check('it', twice)).toThrow('refused');
});
