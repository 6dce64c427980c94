// Rules that are refused when they are sent, each with the place of the fault and what is allowed there.

import { expect, test } from 'vitest';
import { RULES_MAX } from '../../schemas/alert-rules.ts';
import { DocumentError } from '../../schemas/documents.ts';
import { QUESTIONS } from '../questions/all.ts';
import { alertRulesChecker, readyRule } from './rule-check.ts';

const RULE = { name: 'a', question: 'top', parameters: { by: 'app' }, column: 'value', above: 1 };

function faultsOf(...rules: readonly object[]): string[] {
  try {
    alertRulesChecker.check('rules', { rules });
    return [];
  } catch (error) {
    if (error instanceof DocumentError) return error.faults.map(({ path, message }) => `${path} ${message}`);
    throw error;
  }
}

test.each([
  [{ question: 'topp' }, '/rules/0/question "topp" is no question with rows to watch; the nearest are top, '],
  [{ question: 'flows' }, '/rules/0/question "flows" is no question with rows to watch; the nearest are '],
  [{ question: 'what-if' }, '/rules/0/question "what-if" is no question with rows to watch; the nearest are '],
  [{ question: 'constructor' }, '/rules/0/question "constructor" is no question with rows to watch'],
  [{ column: 'valu' }, '/rules/0/column "valu" is no column of top; the nearest are value, '],
  [{ column: '__proto__' }, '/rules/0/column "__proto__" is no column of top'],
  [{ column: 'app' }, '/rules/0/column "app" is no column of top; the nearest are '],
  [{ column: 'srcApp' }, '/rules/0/column "srcApp" holds no numbers; use `is`, or a column with numbers: '],
  [{ above: undefined, is: true }, '/rules/0/column "value" holds numbers; use above or below'],
  [{ parameters: { bye: 'app' } }, '/rules/0/parameters/bye is not a known key; allowed are by, '],
  [{ parameters: { limit: '10' } }, '/rules/0/parameters/limit must be integer'],
  [{ parameters: { metric: 'p95' } }, '/rules/0/parameters/metric must be one of bytes, packets, avgBps, '],
  [{ parameters: { by: 'ap' } }, '/rules/0/parameters/by "ap" is no dimension; allowed are app, '],
  [{ parameters: { filter: 'src.app =' } }, '/rules/0/parameters/filter "src.app =" lacks a value'],
  [{ parameters: { calendar: 'someday' } }, '/rules/0/parameters/calendar '],
  [{ parameters: { from: 'now-1h' } }, '/rules/0/parameters/from is set by Hairpin; use `window`'],
  [{ parameters: { format: 'csv' } }, '/rules/0/parameters/format is set by Hairpin'],
  [{ parameters: { by: 'app', filter: 'x'.repeat(100_000) } }, '/rules/0/parameters/filter '],
  [{ above: undefined }, '/rules/0 needs one of above, below and is'],
  [{ below: 1 }, '/rules/0 needs one of above, below and is, and has 2'],
  [{ clear: 2 }, '/rules/0/clear must not lie over above, which is 1'],
  [{ above: undefined, below: 1, clear: 0.5 }, '/rules/0/clear must not lie under below, which is 1'],
  [{ window: '7m' }, '/rules/0/window must be whole five minutes (5m, 1h, 7d), at most 366d'],
  [{ window: '0m' }, '/rules/0/window must be whole five minutes'],
  [{ window: 'yesterday' }, '/rules/0/window must be a duration: a number with s, m, h, d or w (1h)'],
  [{ for: '8d' }, '/rules/0/for must be at most 7d'],
  [{ severity: 'very\nbad' }, '/rules/0/severity must be a word in small letters'],
  [{ labels: { alertname: 'x' } }, '/rules/0/labels/alertname is given by Hairpin; choose another name'],
  [{ labels: { 'a b': 'x' } }, '/rules/0/labels property names a b are invalid'],
  [
    { annotations: { summary: '{vm} sends' } },
    '/rules/0/annotations/summary {vm} stands for nothing; the nearest are ',
  ],
  [{ name: '' }, '/rules/0/name '],
  [{ colour: 'red' }, '/rules/0/colour is not a known key; allowed are '],
])('a rule with %o is refused with its place', (change, expected) => {
  const faults = faultsOf({ ...RULE, ...change });
  expect(
    faults.some(fault => fault.startsWith(expected)),
    faults.join('\n'),
  ).toBe(true);
});

test('the fault of each rule is reported, those of the schema and the others together', () => {
  expect(
    faultsOf({ ...RULE, above: 'high' }, { ...RULE, column: 'x' }, { ...RULE, name: 7 }).map(one => one.split(' ')[0]),
  ).toEqual(expect.arrayContaining(['/rules/0/above', '/rules/1/column', '/rules/1/name', '/rules/2/name']));
  expect(faultsOf(...Array.from({ length: RULES_MAX }, (_, i) => ({ ...RULE, name: `r${i}` })))).toEqual([]);
  expect(faultsOf(...Array.from({ length: RULES_MAX + 1 }, (_, i) => ({ ...RULE, name: `r${i}` })))[0]).toMatch(
    /^\/rules must not have more than 500/,
  );
});

test('a hostile document is refused, not run', () => {
  for (const rules of [null, 7, [null], [[]], [{ ...RULE, parameters: { by: { $gt: 1 } } }], { length: 1e9 }])
    expect(() => alertRulesChecker.check('rules', { rules })).toThrow(DocumentError);
  expect(() => alertRulesChecker.parse('rules', `rules: ${'['.repeat(20_000)}`)).toThrow(DocumentError);
  expect(() => alertRulesChecker.parse('rules', 'a: &a [*a, *a]\nrules: [*b]')).toThrow(DocumentError);
});

test('parameters have the defaults of their question, and a rule needs the right of its question', () => {
  const ready = (change: object) => {
    const [rule] = alertRulesChecker.check('rules', { rules: [{ ...RULE, ...change }] }).rules;
    return readyRule(rule!).ready!;
  };
  expect(ready({}).parameters).toMatchObject({ by: 'app', limit: 20, metric: 'bytes', filter: '' });
  expect(ready({}).parameters).not.toHaveProperty('from');
  expect(ready({}).right).toBe('matrix');
  expect(ready({ parameters: { by: 'vm' } }).right).toBe('read');
  expect(ready({ parameters: { by: 'app', filter: 'addr in 10.0.0.0/8' } }).right).toBe('records');
  expect(ready({ question: 'coverage', parameters: {}, column: 'coverage' }).from).toBe('answer');
  expect(ready({ question: 'matrix', column: 'lossRatio' }).from).toBe('answer');
});

test('every question by GET states its table, or has none that could be watched', () => {
  const without = QUESTIONS.filter(({ body, table }) => !body && !table).map(({ name }) => name);
  expect(without).toEqual(['flows']);
});
