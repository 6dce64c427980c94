import { expect, test } from 'vitest';
import { explicitKey, keyToBigint, serviceKey } from '../../schemas/keys.ts';
import { ParameterError } from '../http/problem.ts';
import { type Condition, compileFilter, parseFilter } from './filter.ts';

const nodes = new Map([
  ['web', [11n]],
  ['db', [22n]],
  ['a,b', [33n]],
  ['web-*', [44n, 55n]],
]);

async function compile(text: string): Promise<Condition> {
  return compileFilter('filter', parseFilter('filter', text), async () => nodes);
}

async function faultOf(text: string): Promise<string> {
  const error = await compile(text).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(ParameterError);
  return (error as ParameterError).faults[0]!.reason;
}

test('terms are joined by and, clauses by or, values by in', async () => {
  expect(await compile('srcApp=web|db,dstApp!=db;service=tcp/443')).toEqual({
    sql: '((srcApp IN {f0:Array(UInt64)} AND NOT dstApp IN {f1:Array(UInt64)}) OR (service IN {f2:Array(UInt64)}))',
    params: { f0: [11n, 22n], f1: [22n], f2: [keyToBigint(serviceKey(6, 443, 443))] },
    columns: ['srcApp', 'dstApp', 'service'],
  });
});

test('a pair means either end, and with != neither end', async () => {
  expect((await compile('app=web')).sql).toBe('(((srcApp IN {f0:Array(UInt64)} OR dstApp IN {f1:Array(UInt64)})))');
  expect((await compile('app!=web')).sql).toBe(
    '((NOT (srcApp IN {f0:Array(UInt64)} OR dstApp IN {f1:Array(UInt64)})))',
  );
});

test('nodes are named by name, glob, key and as explicit nodes', async () => {
  expect((await compile('srcApp=web-*|00000000000000ff|external')).params).toEqual({
    f0: [44n, 55n, 255n, keyToBigint(explicitKey('external'))],
  });
});

test('an explicit node is an application, and what has no VM in every other dimension of nodes', async () => {
  const { sql, params, columns } = await compile('srcVm=web|external');
  expect(sql).toBe('(((srcVm IN {f0:Array(UInt64)} OR srcVm = 0 AND srcApp IN {f1:Array(UInt64)})))');
  expect(params).toEqual({ f0: [11n], f1: [keyToBigint(explicitKey('external'))] });
  expect(columns).toEqual(['srcVm', 'srcApp']);
});

test('quotes keep separators inside a value', async () => {
  expect((await compile('srcApp="a,b"')).params).toEqual({ f0: [33n] });
});

test('addresses are prefixes, codes are words, numbers have an order', async () => {
  const condition = await compile('srcAddr=10.1.0.0/16|fd00::/8,locality=same-host,dstPort>=1024');
  expect(condition.sql).toBe(
    '(((srcAddr BETWEEN {f0:IPv6} AND {f1:IPv6} OR srcAddr BETWEEN {f2:IPv6} AND {f3:IPv6}) AND locality IN {f4:Array(UInt8)} AND dstPort >= {f5:UInt16}))',
  );
  expect(condition.params).toEqual({
    f0: '::ffff:10.1.0.0',
    f1: '::ffff:10.1.255.255',
    f2: 'fd00::',
    f3: 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    f4: [2],
    f5: 1024,
  });
});

test('words, lists, groups, ends and ranges become the same kinds of conditions', async () => {
  expect((await compile('src.app in (web, db) and not (dst.app = db or vlan not in (1, 10-20))')).sql).toBe(
    '((srcApp IN {f0:Array(UInt64)} AND NOT ((dstApp IN {f1:Array(UInt64)}) OR (NOT (vlan IN {f2:Array(UInt16)} OR vlan BETWEEN {f3:UInt16} AND {f4:UInt16})))))',
  );
  expect(await compile('either.app = web')).toEqual(await compile('app=web'));
  expect(await compile('dst.port = 8000-8100')).toEqual(await compile('dstPort in 8000-8100'));
});

test('a service is named as IANA registered it, for each protocol, and codes by glob', async () => {
  const https = [6, 17, 132].map(proto => keyToBigint(serviceKey(proto, 443, 443)));
  expect((await compile('service = HTTPS')).params).toEqual({ f0: https });
  const { f0: x11 } = (await compile('service = x11')).params as { f0: readonly bigint[] };
  expect(x11).toHaveLength(2 * 65);
  expect(x11).toContain(keyToBigint(serviceKey(6, 6000, 6063)));
  expect(x11).toContain(keyToBigint(serviceKey(17, 6007, 6007)));
  expect((await compile('locality = cross-*')).params).toEqual({ f0: [4, 5] });
});

test('a fault has its place in the text, and the message shows it', async () => {
  const error = await compile('srcApp = web and dstApp = nobody').catch((caught: unknown) => caught);
  expect((error as ParameterError).faults).toEqual([
    {
      parameter: 'filter',
      reason: `nothing is named "nobody"\nsrcApp = web and dstApp = nobody\n${' '.repeat(26)}^^^^^^`,
      position: 26,
      length: 6,
      allowed: ['NAME', 'GLOB', 'KEY'],
    },
  ]);
  expect(await faultOf('srcApp = nobody)')).toContain('its ")" closes nothing');
  expect(await faultOf('srcApp = web dstApp = db')).toContain('before "dstApp = db" and, or, "," or ";" is missing');
});

test('what a user writes never becomes SQL', async () => {
  const condition = await compile('srcApp="web"');
  expect(condition.sql).not.toContain('web');
  expect(await faultOf(`srcApp="') OR 1=1 --"`)).toContain('nothing is named');
});

test.each([
  ['srcApp', 'is no term'],
  ['bytes=5', '"bytes" is no column; allowed are app, rack, host, vm'],
  ['srcApp=', 'lacks a value'],
  ['srcApp="web', 'quotation mark'],
  ['srcApp>web', 'has no order'],
  ['srcApp=nobody', 'nothing is named "nobody"'],
  ['service=htpt', 'is no service; write tcp/443'],
  ['srcAddr=300.1.1.1', 'is an address or a prefix'],
  ['vlan=70000', 'whole number from 0 to 65535'],
  ['vlan in 20-10', 'ends before it begins'],
  ['vlan < 10-20', 'whole number from 0 to 65535, not'],
  ['vlan < 1|2', 'takes one value'],
  ['src.service=tcp/443', '"src.service" is no column; allowed are src.app'],
  ['any.app=web', '"any.app" is no column; allowed are src.app, dst.app, either.app'],
  ['locality=moon', 'locality is one of unknown, same-vswitch'],
  ['srcMac=xyz', 'is no MAC address'],
  [Array(51).fill('vlan=1').join(','), 'more than 50 terms'],
  [`vlan=${Array(201).fill('1').join('|')}`, 'more than 200 values'],
])('%s is refused and says what is allowed', async (text, reason) => {
  expect(await faultOf(text)).toContain(reason);
});
