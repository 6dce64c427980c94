import { expect, test } from 'vitest';
import { completionAt } from './completion.ts';
import type { FilterColumn, Vocabulary } from './vocabulary.ts';

const column = (name: string, kind: FilterColumn['kind'], codes: readonly string[] = []): FilterColumn => ({
  name,
  kind,
  codes,
  clickhouse: kind === 'number' ? 'UInt16' : 'UInt64',
});
const [srcApp, dstApp, srcVm, dstVm] = ['srcApp', 'dstApp', 'srcVm', 'dstVm'].map(name => column(name, 'node'));
const columns = [srcApp!, dstApp!, srcVm!, dstVm!, column('vlan', 'number'), column('service', 'service')];
const all = [...columns, column('locality', 'code', ['same-host', 'cross-rack', 'cross-site'])];
const vocabulary: Vocabulary<FilterColumn> = {
  columns: new Map(all.map(one => [one.name, one])),
  pairs: new Map([
    ['app', [srcApp!, dstApp!]],
    ['vm', [srcVm!, dstVm!]],
  ]),
  faultOf: () => undefined,
};

/** `|` is the cursor, `^` where the bar itself is meant. */
function complete(marked: string, mayUse: (columns: readonly FilterColumn[]) => boolean = () => true) {
  const position = marked.indexOf('|');
  const text = marked.replace('|', '').replace('^', '|');
  const { items, wanted, expected } = completionAt(text, position, vocabulary, mayUse);
  return {
    texts: items.map(item => item.text),
    results: items.map(({ text: put, from, to }) => text.slice(0, from) + put + text.slice(to)),
    wanted: wanted && [wanted.column.name, wanted.typed, text.slice(wanted.from, wanted.to)],
    expected,
  };
}

test.each([
  ['|', ['app', 'vm', 'vlan', 'service', 'locality', 'src.app', 'src.vm', 'dst.app', 'dst.vm', 'not', '(']],
  ['a|', ['app', 'vlan', 'locality', 'src.app', 'dst.app']],
  ['V|', ['vm', 'vlan', 'service', 'src.vm', 'dst.vm']],
  ['src|', ['src.app', 'src.vm']],
  ['src.|', ['src.app', 'src.vm']],
  ['either|', ['either.app', 'either.vm']],
  ['no|', ['not']],
  [
    'app = web and |',
    ['app', 'vm', 'vlan', 'service', 'locality', 'src.app', 'src.vm', 'dst.app', 'dst.vm', 'not', '('],
  ],
  ['app=web,l|', ['locality', 'vlan']],
  ['(vl|', ['vlan']],
  ['app |', ['=', '!=', 'in', 'not in']],
  ['vlan |', ['=', '!=', 'in', 'not in', '<', '<=', '>', '>=']],
  ['vlan !|', ['!=']],
  ['vlan <|', []],
  ['app n|', ['not in', 'in']],
  ['app not |', ['in']],
  ['locality = |', ['same-host', 'cross-rack', 'cross-site']],
  ['locality=cross|', ['cross-rack', 'cross-site']],
  ['locality = RACK|', ['cross-rack']],
  ['locality in |', ['same-host', 'cross-rack', 'cross-site', '(']],
  ['locality in (same-host, c|', ['cross-rack', 'cross-site']],
  ['locality = same-host |', ['|', 'and', ',', 'or', ';']],
  ['locality = same-host a|', ['and']],
  ['vlan = a|', []],
  ['(vlan = 5 |', ['|', 'and', ',', 'or', ';', ')']],
  ['(vlan = 5) |', ['and', ',', 'or', ';']],
  ['(vlan = 5) o|', ['or']],
  ['nothing = |', []],
])('%s is completed', (marked, texts) => {
  expect(complete(marked).texts).toEqual(texts);
});

test('names of nodes and services are looked up, and replace what was typed', () => {
  expect(complete('app = Web sh|').wanted).toEqual(['srcApp', 'Web sh', 'Web sh']);
  expect(complete('app = we|b, vlan = 5').wanted).toEqual(['srcApp', 'we', 'web']);
  expect(complete('dst.vm in (web, "db, l|arge", x)').wanted).toEqual(['dstVm', 'db, l', '"db, large"']);
  expect(complete('service = |').wanted).toEqual(['service', '', '']);
  expect(complete('app=web^|').wanted).toEqual(['srcApp', '', '']);
  expect(complete('vlan = |').wanted).toEqual(['vlan', '', '']);
  expect(complete('app = web |')).toMatchObject({
    wanted: ['srcApp', 'web ', 'web '],
    texts: ['|', 'and', ',', 'or', ';'],
  });
  expect(complete('app ! web and |')).toMatchObject({ wanted: undefined, texts: [] });
});

test('an item replaces the word at the cursor and leaves the rest', () => {
  expect(complete('loc| = same-host').results).toEqual(['locality = same-host']);
  expect(complete('locality = same|-host, vlan=5').results).toEqual(['locality = same-host, vlan=5']);
  expect(complete('vlan !|= 5').results).toEqual(['vlan != 5']);
});

test('what the caller may not use is neither offered nor completed', () => {
  const noVms = (used: readonly FilterColumn[]) => used.every(({ name }) => !name.endsWith('Vm'));
  expect(complete('|', noVms).texts.filter(text => text.includes('vm'))).toEqual([]);
  expect(complete('vm = |', noVms)).toEqual({ texts: [], results: [], wanted: undefined, expected: [] });
});
