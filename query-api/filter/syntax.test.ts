import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exhaustive } from '../../testing/requirements.ts';
import { type Expression, join, type Operator, print } from './expression.ts';
import { excerpt, FilterError, type FilterFault } from './fault.ts';
import { parser } from './parser.ts';
import { allowedAt, DEPTH_MAX, placeBehind } from './place.ts';
import { parse, TEXT_LENGTH_MAX } from './syntax.ts';

/** A term without its places in the text. */
interface Bare {
  readonly kind: 'term';
  readonly name: string;
  readonly operator: Operator;
  readonly values: readonly { readonly text: string }[];
}

/** What the text says, without the places. */
function meaning(text: string): Expression<Bare> | undefined {
  const bare = (expression: NonNullable<ReturnType<typeof parse>>): Expression<Bare> => {
    if (expression.kind === 'not') return { kind: 'not', part: bare(expression.part) };
    if (expression.kind !== 'term') return { kind: expression.kind, parts: expression.parts.map(bare) };
    const { kind, name, operator, values } = expression;
    return { kind, name, operator, values: values.map(value => ({ text: value.text })) };
  };
  const expression = parse(text);
  return expression && bare(expression);
}

function faultIn(text: string): FilterFault {
  try {
    parse(text);
  } catch (error) {
    expect(error).toBeInstanceOf(FilterError);
    return (error as FilterError).faults[0]!;
  }
  throw new Error(`${text} is a filter`);
}

const runs = exhaustive ? 5000 : 500;

test.each([
  ['srcApp=web', 'srcApp = web'],
  ['srcApp=web|api,dstApp!=db;service=tcp/443', 'srcApp in (web, api) and dstApp != db or service = tcp/443'],
  ['a in (x, y|z)', 'a in (x, y, z)'],
  ['a in x|y', 'a in (x, y)'],
  ['a NOT IN (x, y) AND b = 1', 'a not in (x, y) and b = 1'],
  ['a in 10.0.0.0/8', 'a = 10.0.0.0/8'],
  ['a=1 or b=2 and c=3', 'a = 1 or b = 2 and c = 3'],
  ['(a=1 or b=2) and c=3', '(a = 1 or b = 2) and c = 3'],
  ['((a=1;b=2)),((c=3))', '(a = 1 or b = 2) and c = 3'],
  ['a=1 and (b=2 and c=3)', 'a = 1 and b = 2 and c = 3'],
  ['not a=1 and b=2', 'not a = 1 and b = 2'],
  ['not (a=1 and b=2)', 'not (a = 1 and b = 2)'],
  ['not not a=1', 'not not a = 1'],
  ['a=1 and(b=2 or c=3)', 'a = 1 and (b = 2 or c = 3)'],
  ['src.app = web', 'src.app = web'],
  ['a >= 5', 'a >= 5'],
  ['a = 8000-8100', 'a = 8000-8100'],
  // Values of several words, and what looks like the language within them.
  ['app=Web shop,b=1', 'app = Web shop and b = 1'],
  ['app = Web shop and b = 1', 'app = Web shop and b = 1'],
  ['app = "R and D"', 'app = "R and D"'],
  ['app = R "and" D', 'app = "R ""and"" D"'],
  ['app=and', 'app = "and"'],
  ['app = made in Berlin', 'app = made in Berlin'],
  ['app = not here', 'app = not here'],
  ['app = android or b = 1', 'app = android or b = 1'],
  ['app=(.+)|db[1]|c:\\temp', 'app in ("(.+)", db[1], c:\\temp)'],
  ['app=:-)|(a b)', 'app in (":-)", "(a b)")'],
  ['(app = :-( and b = 1)', 'app = ":-(" and b = 1'],
  ['app in ((.+), web (eu))', 'app in ("(.+)", "web (eu)")'],
  ['(app = web (eu))', 'app = "web (eu)"'],
  ['app="a,b;c|d"', 'app = "a,b;c|d"'],
  ['app="a ""b"""', 'app = "a ""b"""'],
  ['app=a=b', 'app = a=b'],
  ["app='x'", "app = 'x'"],
  ['\tapp =\n web ', 'app = web'],
  ['', undefined],
  ['  ', undefined],
])('%s reads as %s', (text, canonical) => {
  const expression = parse(text);
  expect(expression && print(expression)).toBe(canonical);
});

test.each<[string, number, number, string, readonly string[]]>([
  ['srcApp', 6, 0, '"srcApp" is no term', ['=', '!=', '<', '<=', '>', '>=', 'in', 'not in']],
  ['srcApp web', 7, 3, 'not "web"', ['=', '!=', '<', '<=', '>', '>=', 'in', 'not in']],
  ['srcApp not web', 11, 3, '"srcApp not" is no term', ['in']],
  ['srcApp = ', 9, 0, 'lacks a value', ['VALUE']],
  ['srcApp=,b=1', 7, 1, 'lacks a value: "," is none', ['VALUE']],
  ['srcApp=""', 7, 2, '"""" lacks a value', []],
  ['a=1|', 4, 0, 'lacks a value', ['VALUE']],
  ['a in ()', 6, 1, 'lacks a value: ")" is none', ['VALUE']],
  ['a in (1, 2', 10, 0, 'does not continue the list', [',', '|', ')']],
  ['a=1,', 4, 0, 'is no term', ['COLUMN', 'not', '(']],
  ['a=1 and and b=2', 12, 3, '"and" is no term', ['=', '!=', '<', '<=', '>', '>=', 'in', 'not in']],
  ['=1', 0, 2, '"=1" is no term', ['COLUMN', 'not', '(']],
  ['(a=1))', 5, 1, '")" closes nothing', ['and', ',', 'or', ';']],
  ['(a=1', 4, 0, 'a group is not closed', ['|', 'and', ',', 'or', ';', ')']],
  ['(a=1) b=2', 6, 3, '"b=2" does not continue the filter', ['and', ',', 'or', ';']],
  ['b=2 and a="x', 10, 2, 'quotation mark without its partner', ['"']],
  ['(a="x', 3, 2, 'quotation mark without its partner', ['"']],
])('%s is refused at its character %i', (text, position, length, message, allowed) => {
  const fault = faultIn(text);
  expect(fault).toMatchObject({ position, length, allowed });
  expect(fault.message).toContain(message);
});

test('the excerpt has carets below what is at fault, also deep in a long text', () => {
  const text = `${'vlan=1,'.repeat(30)}dstAp web,${'vlan=2,'.repeat(30)}vlan=3`;
  const shown = excerpt(text, faultIn(text)).split('\n');
  expect(shown[1]!.length).toBeLessThan(100);
  expect(shown[0]!.slice(shown[1]!.indexOf('^'), shown[1]!.lastIndexOf('^') + 1)).toBe('web');
});

const names = fc.constantFrom('app', 'src.app', 'dstPort', 'locality', 'either.vm');
const texts = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 12 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
    fc.constantFrom(
      'web',
      'Web shop',
      'R and D',
      'and',
      'OR',
      'not',
      'in',
      '(.+)',
      ')',
      '"',
      'a "b"',
      '10.0.0.0/8',
      '80-90',
    ),
  )
  // Spaces around a value do not belong to it.
  .map(text => text.trim())
  .filter(text => text !== '');
const terms: fc.Arbitrary<Expression<Bare>> = fc
  .record({
    kind: fc.constant('term' as const),
    name: names,
    operator: fc.constantFrom<Operator>('=', '!=', '<', '<=', '>', '>='),
    values: fc.array(
      texts.map(text => ({ text })),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .filter(({ operator, values }) => values.length === 1 || operator === '=' || operator === '!=');
const { expression: expressions } = fc.letrec<{ expression: Expression<Bare> }>(tie => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    terms,
    fc
      .tuple(
        fc.constantFrom('and' as const, 'or' as const),
        fc.array(tie('expression'), { minLength: 2, maxLength: 3 }),
      )
      .map(([kind, parts]) => join(kind, parts)),
    tie('expression').map(part => ({ kind: 'not' as const, part })),
  ),
}));

test('an expression that is printed and read again is the same', () => {
  fc.assert(
    fc.property(expressions, expression => {
      const text = print(expression);
      fc.pre(text.length <= TEXT_LENGTH_MAX);
      expect(meaning(text), text).toEqual(expression);
    }),
    { numRuns: runs },
  );
});

/** The form before this grammar, read as it was then: split at separators outside quotes. */
function readAsBefore(text: string): Expression<Bare> {
  const split = (whole: string, separator: string) => {
    const parts = [''];
    let quoted = false;
    for (const character of whole) {
      if (character === '"') quoted = !quoted;
      if (character === separator && !quoted) parts.push('');
      else parts[parts.length - 1] += character;
    }
    return parts;
  };
  const clauses = split(text, ';').map(clause => {
    const found = split(clause, ',').map((term): Expression<Bare> => {
      const [, name = '', operator = '', rest = ''] = /^\s*([A-Za-z]\w*)\s*(!=|<=|>=|=|<|>)\s*(.*)$/s.exec(term)!;
      const values = split(rest, '|').map(value => {
        const trimmed = value.trim();
        return { text: /^".*"$/s.test(trimmed) && trimmed.length > 1 ? trimmed.slice(1, -1) : trimmed };
      });
      return { kind: 'term', name, operator: operator as Operator, values };
    });
    return join('and', found);
  });
  return join('or', clauses);
}

/** Any value but those that docs/FILTERS.md names: `and` and `or` alone, quotes within quotes. */
const oldWord = fc
  .string({ minLength: 1, maxLength: 8 })
  .filter(text => !/[",;|\s]/.test(text) && !/^(and|or)(\(|$)/i.test(text));
const oldValue = fc.oneof(
  fc
    .array(
      fc.oneof(
        oldWord,
        oldWord.map(word => `(${word})`),
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map(words => words.join(' ')),
  fc
    .string({ minLength: 1, maxLength: 12 })
    .filter(text => !text.includes('"'))
    .map(text => `"${text}"`),
  fc.constantFrom('a"b|c"d', '"a" b "c"', 'not', 'in', 'not in', 'x in y'),
);
const oldTerm = fc
  .tuple(
    fc.constantFrom('app', 'srcApp', 'vlan'),
    fc.constantFrom('=', ' = ', '!=', ' <=', '> '),
    fc.array(oldValue, { minLength: 1, maxLength: 3 }),
  )
  .map(([name, operator, values]) => `${name}${operator}${values.join('|')}`);
const oldFilter = fc
  .array(fc.tuple(fc.constantFrom(',', ';', ' , ', ' ; '), oldTerm), { minLength: 1, maxLength: 5 })
  .map(found => found.map(([separator, term], i) => (i === 0 ? term : separator + term)).join(''));

test('a filter of the form before has the meaning it had', () => {
  fc.assert(
    fc.property(oldFilter, text => {
      expect(meaning(text), text).toEqual(readAsBefore(text));
    }),
    { numRuns: runs },
  );
});

const SAMPLES: Readonly<Record<string, string>> = {
  COLUMN: ' x',
  VALUE: ' x',
  not: ' not',
  in: ' in',
  'not in': ' not in',
};
const tokens = fc.array(
  fc.constantFrom(
    'a',
    'x.y',
    '=',
    '!=',
    '<',
    'in',
    'not',
    'not in',
    '(',
    ')',
    ',',
    ';',
    '|',
    'and',
    'or',
    'web',
    '"q r"',
    '10-20',
  ),
  { maxLength: 10 },
);

/** Where strict parsing stops. */
function stopsAt(text: string): number {
  try {
    parser.configure({ strict: true }).parse(text);
    return text.length;
  } catch (error) {
    return Number(/\d+$/.exec((error as Error).message)![0]);
  }
}

test('what is allowed at a place is what the parser reads there', () => {
  fc.assert(
    fc.property(tokens, words => {
      const text = words.join(' ');
      const before = text.slice(0, stopsAt(text));
      const place = placeBehind(before);
      fc.pre(place.unclosed === undefined);
      for (const allowed of allowedAt(place)) {
        const longer = `${before} ${(SAMPLES[allowed] ?? allowed).trim()}`;
        expect(stopsAt(longer), `${allowed} behind ${before}`).toBe(longer.length);
      }
    }),
    { numRuns: runs },
  );
});

test.each([
  ['brackets', `${'('.repeat(10_000)}a=1${')'.repeat(10_000)}`, /^has more than 4000 characters$/],
  ['a hundred kilobytes', 'vlan=1,'.repeat(15_000), /^has more than 4000 characters$/],
  ['deep groups', `${'('.repeat(1900)}a=1${')'.repeat(1900)}`, /^is nested deeper than 32/],
  ['unclosed groups', '('.repeat(4000), /^is nested deeper than 32/],
  ['negations', `${'not '.repeat(900)}a=1`, /^is nested deeper than 32/],
  ['terms', Array(900).fill('a=1').join(';'), /^has more than 50 terms$/],
  ['values', `a in (${'1,'.repeat(1900)}2)`, /^has more than 200 values$/],
  ['closing parentheses', ')'.repeat(4000), /is no term/],
  ['quotes', '"'.repeat(3999), /is no term/],
])('%s without end are refused at once', (_name, text, message) => {
  const started = performance.now();
  expect(faultIn(text).message).toMatch(message);
  expect(performance.now() - started).toBeLessThan(1000);
});

test('groups may be as deep as the limit', () => {
  const nested = (depth: number) => `${'('.repeat(depth)}a=1${')'.repeat(depth)}`;
  expect(meaning(nested(DEPTH_MAX))).toMatchObject({ name: 'a' });
  expect(faultIn(nested(DEPTH_MAX + 1))).toMatchObject({ position: DEPTH_MAX, length: 1 });
});

test('no text makes the parser fail in any other way', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 60 }),
        tokens.map(words => words.join('')),
      ),
      text => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(FilterError);
          const [{ position, length }] = (error as FilterError).faults as [FilterFault];
          expect(
            position >= 0 && length >= 0 && position + length <= text.length,
            `${position} ${length} ${text}`,
          ).toBe(true);
        }
      },
    ),
    { numRuns: runs },
  );
});
