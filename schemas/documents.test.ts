import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { DocumentError, documentChecker, type Fault } from './documents.ts';

const closed = { additionalProperties: false } as const;
const Item = Type.Object(
  {
    id: Type.String({ minLength: 1 }),
    size: Type.Integer({ default: 7, minimum: 0 }),
    kind: Type.Optional(Type.Enum(['small', 'large'])),
    range: Type.Optional(Type.Tuple([Type.Integer(), Type.Integer()])),
  },
  closed,
);
const checker = documentChecker(
  Type.Object({ name: Type.String(), items: Type.Array(Item, { default: [] }) }, closed),
  ({ items }) =>
    items.flatMap(({ id }, i): Fault[] => (id === 'bad' ? [{ path: `/items/${i}/id`, message: 'is bad' }] : [])),
);

function refused(text: string): readonly Fault[] {
  try {
    checker.parse('items.yaml', text);
  } catch (error) {
    if (error instanceof DocumentError) return error.faults;
    throw error;
  }
  throw new Error('the document was taken');
}

describe('a document', () => {
  test('is taken from JSON and YAML alike, with defaults filled in', () => {
    const expected = { name: 'x', items: [{ id: 'a', size: 7, range: [1, 2] }] };
    expect(checker.parse('', '{"name":"x","items":[{"id":"a","range":[1,2]}]}')).toEqual(expected);
    expect(checker.parse('', 'name: x\nitems:\n  - id: a\n    range: [1, 2]\n')).toEqual(expected);
    expect(checker.parse('', '\ufeff{"name":"x","items":[{"id":"a","range":[1,2]}]}')).toEqual(expected);
    expect(checker.check('', { name: 'x' })).toEqual({ name: 'x', items: [] });
  });

  test('is not changed by the check', () => {
    const value = { name: 'x', items: [{ id: 'a' }] };
    checker.check('', value);
    expect(value).toEqual({ name: 'x', items: [{ id: 'a' }] });
  });

  test('in YAML is refused with every fault, path and line', () => {
    const text = 'items:\n  - size: -1\n    id: ""\n  - id: b\n    kind: middle\n    colour: red\n  - 5\nextra: 1\n';
    expect([...refused(text)].sort((a, b) => a.path.localeCompare(b.path))).toEqual([
      { path: '/extra', message: 'is not a known key; allowed are name, items', line: 8 },
      { path: '/items/0/id', message: 'must not have fewer than 1 characters', line: 3 },
      { path: '/items/0/size', message: 'must be >= 0', line: 2 },
      { path: '/items/1/colour', message: 'is not a known key; allowed are id, size, kind, range', line: 6 },
      { path: '/items/1/kind', message: 'must be one of small, large', line: 5 },
      { path: '/items/2', message: 'must be object', line: 7 },
      { path: '/name', message: 'is required', line: 1 },
    ]);
  });

  test('in JSON is refused with every fault, path and line', () => {
    const text = '{\n  "name": 5,\n  "items": [\n    {"id": "a", "x": 1},\n    {"id": "b",\n     "size": "1"}\n  ]\n}';
    expect([...refused(text)].sort((a, b) => a.path.localeCompare(b.path))).toEqual([
      { path: '/items/0/x', message: 'is not a known key; allowed are id, size, kind, range', line: 4 },
      { path: '/items/1/size', message: 'must be integer', line: 6 },
      { path: '/name', message: 'must be string', line: 2 },
    ]);
    const quoted = '{"na\\"me\\\\": [],\n "name": "x\\\\",\r\n "items": [ {"id": "a"} , \n\n {"id": "bad"}]}';
    expect(refused(quoted)).toEqual([
      { path: '/na"me\\', message: 'is not a known key; allowed are name, items', line: 1 },
      { path: '/items/1/id', message: 'is bad', line: 5 },
    ]);
  });

  test('with an unknown key whose name holds a slash is refused with its line', () => {
    expect(refused('name: x\nitems: []\na/b~c: 1\n')).toEqual([
      { path: '/a~1b~0c', message: 'is not a known key; allowed are name, items', line: 3 },
    ]);
  });

  test('with too many items in a tuple is refused', () => {
    expect(refused('name: x\nitems:\n- id: a\n  range: [1, 2,\n    3]\n')).toEqual([
      { path: '/items/0/range/2', message: 'is more than there may be', line: 5 },
    ]);
  });

  test('with many faults is refused with all of them, up to 1000', () => {
    const unknown = (count: number) => ({
      name: 'x',
      ...Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, i])),
    });
    const items = (count: number) => ({ name: 'x', items: Array.from({ length: count }, () => ({ size: 'x' })) });
    const faults = (value: object) => refused(JSON.stringify(value)).length;
    expect([faults(unknown(50)), faults(items(50)), faults(items(3000))]).toEqual([50, 100, 1000]);
  });

  test('is refused by its rules with a line, whether it fits the schema or not', () => {
    expect(refused('name: x\nitems:\n- id: good\n- id: bad\n')).toEqual([
      { path: '/items/1/id', message: 'is bad', line: 4 },
    ]);
    expect(refused('items:\n- id: bad\n').map(({ path }) => path)).toEqual(['/name', '/items/0/id']);
    expect(refused('name: 5\nitems:\n- size: x\n  id: bad\n- 7\n- kind: x\n').map(({ path }) => path)).toEqual([
      '/name',
      '/items/0/size',
      '/items/1',
      '/items/2/id',
      '/items/2/kind',
      '/items/0/id',
    ]);
  });

  test.each([
    ['YAML', 'name: x\nitems: [a\n', 3],
    ['YAML', 'name: x\nname: y\n', 2],
    ['JSON', '{\n"name": "x",,\n"items": []}', 2],
    ['two documents', 'name: x\n---\nname: y\n', 2],
  ])('with a syntax error in %s is refused with its line', (_, text, line) => {
    const faults = refused(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]!.line).toBe(line);
  });

  test('with an alias that has no anchor, or far too many, is refused', () => {
    expect(refused('name: *x\n')).toEqual([{ path: '', message: expect.stringContaining('Unresolved alias') }]);
    const levels = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const bomb = levels.map((name, i) => `${name}: &${name} [${Array(9).fill(i === 0 ? '1' : `*${levels[i - 1]}`)}]`);
    expect(refused(bomb.join('\n'))).toEqual([{ path: '', message: expect.stringContaining('Excessive alias count') }]);
  });

  test.each([
    ['JSON', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
    ['YAML', `${'- '.repeat(200_000)}x`],
    ['JSON that is cut', '{"a":'.repeat(200_000)],
  ])('nested without end in %s is refused', (_, text) => {
    expect(() => checker.parse('deep', text)).toThrow(DocumentError);
  });

  test.each(['', '# nothing', '5', '[]', '"text"', 'null'])('that is %j is refused as a whole', text => {
    expect(refused(text)).toMatchObject([{ path: '', message: 'must be object' }]);
  });

  test('in JSON of many megabytes is refused with lines, in no more than a few times what a valid one takes', () => {
    const items = Array.from({ length: 90_000 }, (_, i) => `{"id":"${String(i).padStart(90, 'x')}"}`);
    const textOf = (last: string) => `{"name":"x","items":[\n${items.join(',\n')},\n${last}]}`;
    expect(textOf('').length).toBeGreaterThan(8 * 1024 * 1024);
    const timeOf = (run: () => void) => {
      const started = performance.now();
      run();
      return performance.now() - started;
    };
    const validMs = timeOf(() => checker.parse('', textOf('{"id":"z"}')));
    const brokenMs = timeOf(() => {
      expect(refused(textOf('{"id":"bad"}'))).toEqual([{ path: '/items/90000/id', message: 'is bad', line: 90_002 }]);
      expect(refused(textOf('{"id":"z"},,'))).toMatchObject([
        { path: '', message: expect.stringContaining('is no JSON') },
      ]);
    });
    expect(brokenMs).toBeLessThan(10 * validMs + 200);
  });

  test('is refused in one message for people', () => {
    expect(() => checker.parse('items.yaml', 'name: x\nextra: 1\nmore: 2\n')).toThrow(
      'items.yaml is refused, 2 faults:\n  line 2: /extra is not a known key; allowed are name, items\n  line 3: /more is not a known key; allowed are name, items',
    );
    expect(() => checker.check('it', { name: 5 })).toThrow('it is refused, 1 fault:\n  /name must be string');
  });
});
