// The language of filters against a real ClickHouse. Each random filter comes with a predicate in plain TypeScript, made
// beside its text; what the database sums up is what the predicate selects of the rows that the test wrote itself.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LOCALITIES } from '../../schemas/codes.ts';
import { serviceKey } from '../../schemas/keys.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { exhaustive } from '../../testing/requirements.ts';
import type { TopAnswer } from '../questions/top.ts';
import { columnOrPair } from './dimensions.ts';
import { NodeNames } from './node-names.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const ROWS = 300;

const NAMES = {
  App: ['web', 'web-eu', 'Web shop', 'db', 'db, the large one', 'R and D', 'web (old)', '12" rack'],
  Vm: ['web-1', 'web-2', 'db-1', 'cache or not', 'c:\\temp'],
  Host: ['esx-1', 'esx-2', 'esx (3)'],
  Rack: ['r1', 'r2', 'Row 3'],
} as const;
type Noun = keyof typeof NAMES;
const NOUNS = Object.keys(NAMES) as Noun[];
const CLASSES = { App: 'application', Vm: 'vm', Host: 'host', Rack: 'rack' } as const;
const nodes = Object.fromEntries(
  NOUNS.map(noun => [noun, NAMES[noun].map(name => node(CLASSES[noun], name))]),
) as Record<Noun, ReturnType<typeof node>[]>;
const SERVICES = [
  ['tcp/443', serviceKey(6, 443, 443)],
  ['udp/443', serviceKey(17, 443, 443)],
  ['tcp/5432', serviceKey(6, 5432, 5432)],
  ['udp/53', serviceKey(17, 53, 53)],
] as const;

type End = 'src' | 'dst';
interface Row {
  readonly bytes: number;
  readonly names: Readonly<Record<End, Readonly<Record<Noun, string>>>>;
  readonly address: Readonly<Record<End, readonly number[]>>;
  readonly port: Readonly<Record<End, number>>;
  readonly vlan: number;
  readonly locality: (typeof LOCALITIES)[number];
  readonly service: string;
}

/** Numbers that follow from a seed, so that a failure can be repeated. */
function* numbers(): Generator<number> {
  for (let state = 12_345; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield state >>> 8;
  }
}

const random = numbers();
const below = (limit: number) => random.next().value! % limit;
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
const rows: Row[] = Array.from({ length: ROWS }, () => {
  const end = () => Object.fromEntries(NOUNS.map(noun => [noun, pick<string>(NAMES[noun])])) as Record<Noun, string>;
  const address = () => [10, below(3), below(4), below(256)];
  return {
    bytes: 1_000_000 + below(9_000_000),
    names: { src: end(), dst: end() },
    address: { src: address(), dst: address() },
    port: { src: 1024 + below(5000), dst: pick([53, 80, 443, 8000, 8042, 8100, 8101]) },
    vlan: below(12),
    locality: pick(LOCALITIES.slice(1)),
    service: pick(SERVICES)[0],
  };
});

let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const keyOf = (noun: Noun, name: string) => nodes[noun].find(one => one.name === name)!.key;
  const flows = rows.map(({ bytes, names, address, port, vlan, locality, service }) =>
    flow({
      ...Object.fromEntries(
        (['src', 'dst'] as const).flatMap(end => NOUNS.map(noun => [`${end}${noun}`, keyOf(noun, names[end][noun])])),
      ),
      srcAddr: address.src.join('.'),
      dstAddr: address.dst.join('.'),
      srcPort: port.src,
      dstPort: port.dst,
      vlan,
      locality: LOCALITIES.indexOf(locality),
      service: big(SERVICES.find(([name]) => name === service)![1]),
      serverSide: 2,
      bytes,
      flowEnd: NOW - 600_000,
    }),
  );
  house = await createQueryHouse(server, 'language', { nowMs: NOW, flows, nodes: NOUNS.flatMap(noun => nodes[noun]) });
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

/** A filter, or a part of one, and what it selects. */
interface Case {
  readonly text: string;
  readonly fits: (row: Row) => boolean;
}

const ENDS = {
  src: ['src'],
  dst: ['dst'],
  either: ['src', 'dst'],
} as const satisfies Record<string, readonly End[]>;
const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
/** In quotes where the manual wants them, and at times where it does not. */
const written = (text: string, always: boolean) => (always || /[,;|"()]|\b(and|or)\b/.test(text) ? quoted(text) : text);

/** The ways to write that any of these values is there, or that none is. */
function membership(name: string, values: readonly string[], negated: boolean, form: number): string {
  if (values.length === 1 && form === 0) return `${name} ${negated ? 'NOT IN' : 'in'} ${values[0]}`;
  if (form === 1) return `${name} ${negated ? 'not in' : 'in'} (${values.join(', ')})`;
  return `${name}${negated ? '!=' : ' = '}${values.join('|')}`;
}

/** Values of a column, and which of them a row has at an end. */
function termOf(
  names: (end: keyof typeof ENDS) => readonly string[],
  values: fc.Arbitrary<readonly { readonly text: string; readonly fits: (row: Row, end: End) => boolean }[]>,
): fc.Arbitrary<Case> {
  return fc
    .tuple(fc.constantFrom('src', 'dst', 'either'), fc.nat(1), values, fc.boolean(), fc.nat(2))
    .map(([end, variant, wanted, negated, form]) => {
      const spellings = names(end as End);
      const any = (row: Row) => ENDS[end as End].some(one => wanted.some(({ fits }) => fits(row, one)));
      const texts = wanted.map(({ text }) => text);
      return {
        text: membership(spellings[variant % spellings.length]!, texts, negated, form),
        fits: row => any(row) !== negated,
      };
    });
}

const some = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 1, maxLength: 3 });
const spelled = (noun: string) => (end: string) =>
  end === 'either'
    ? [noun.toLowerCase(), `either.${noun.toLowerCase()}`]
    : [`${end}${noun}`, `${end}.${noun.toLowerCase()}`];

const nodeTerm = fc.constantFrom(...NOUNS).chain(noun => {
  const names = fc
    .tuple(fc.constantFrom<string>(...NAMES[noun]), fc.nat(2), fc.boolean())
    .map(([name, kind, quotes]) => {
      if (kind === 0)
        return { text: written(name, quotes), fits: (row: Row, end: End) => row.names[end][noun] === name };
      const start = name.slice(0, 2).toLowerCase();
      const text = kind === 1 ? `${start}*` : name.replace(/^./, '?').toUpperCase();
      const rest = name.slice(1).toLowerCase();
      return {
        text: written(text, quotes || /\b(AND|OR)\b/.test(text)),
        fits: (row: Row, end: End) => {
          const own = row.names[end][noun].toLowerCase();
          return kind === 1 ? own.startsWith(start) : own.length === name.length && own.slice(1) === rest;
        },
      };
    });
  return termOf(spelled(noun), some(names));
});

const addressTerm = termOf(
  spelled('Addr'),
  some(
    fc.tuple(fc.constantFrom(...rows), fc.constantFrom(8, 16, 24, 32)).map(([row, length]) => {
      const wanted = row.address.src.slice(0, length / 8);
      const full = [...wanted, 0, 0, 0].slice(0, 4).join('.');
      return {
        text: length === 32 ? full : `${full}/${length}`,
        fits: (one: Row, end: End) => wanted.every((byte, i) => one.address[end][i] === byte),
      };
    }),
  ),
);

const portTerm = termOf(
  spelled('Port'),
  some(
    fc.tuple(fc.constantFrom(53, 443, 8000, 8042), fc.nat(100), fc.boolean()).map(([low, more, single]) => {
      const high = single ? low : low + more;
      return {
        text: single ? String(low) : `${low}-${high}`,
        fits: ({ port }: Row, end: End) => port[end] >= low && port[end] <= high,
      };
    }),
  ),
);

const orderTerm: fc.Arbitrary<Case> = fc
  .tuple(fc.constantFrom('<', '<=', '>', '>='), fc.nat(12))
  .map(([operator, limit]) => ({
    text: `vlan ${operator} ${limit}`,
    fits: ({ vlan }) =>
      operator === '<'
        ? vlan < limit
        : operator === '<='
          ? vlan <= limit
          : operator === '>'
            ? vlan > limit
            : vlan >= limit,
  }));

const codeTerm = termOf(
  () => ['locality'],
  some(
    fc.constantFrom(...LOCALITIES.slice(1), 'cross-*', 'same-*').map(text => ({
      text,
      fits: ({ locality }: Row) => locality === text || (text.endsWith('*') && locality.startsWith(text.slice(0, -1))),
    })),
  ),
);

const serviceTerm = termOf(
  () => ['service'],
  some(
    fc
      .constantFrom<string[]>(
        ['https', 'tcp/443', 'udp/443'],
        ['POSTGRESQL', 'tcp/5432'],
        ['domain', 'udp/53'],
        ['tcp/443', 'tcp/443'],
        ['udp/53', 'udp/53'],
        ['icmp', ''],
      )
      .map(([text, ...ports]) => ({ text: text!, fits: ({ service }: Row) => ports.includes(service) })),
  ),
);

const { filter } = fc.letrec<{ filter: Case }>(tie => ({
  filter: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(nodeTerm, nodeTerm, addressTerm, portTerm, orderTerm, codeTerm, serviceTerm),
    fc
      .tuple(fc.constantFrom(' and ', ', ', ' AND '), fc.array(tie('filter'), { minLength: 2, maxLength: 3 }))
      .map(([word, parts]) => ({
        text: parts.map(({ text }) => `(${text})`).join(word),
        fits: (row: Row) => parts.every(({ fits }) => fits(row)),
      })),
    fc
      .tuple(fc.constantFrom(' or ', ';', ' OR '), fc.array(tie('filter'), { minLength: 2, maxLength: 3 }))
      .map(([word, parts]) => ({
        text: parts.map(({ text }) => `(${text})`).join(word),
        fits: (row: Row) => parts.some(({ fits }) => fits(row)),
      })),
    tie('filter').map(({ text, fits }) => ({ text: `not (${text})`, fits: (row: Row) => !fits(row) })),
    // Without parentheses: and binds tighter than or, not tighter than both.
    fc.tuple(orderTerm, nodeTerm, codeTerm).map(([a, b, c]) => ({
      text: `${a.text} or not ${b.text} and ${c.text}`,
      fits: (row: Row) => a.fits(row) || (!b.fits(row) && c.fits(row)),
    })),
  ),
}));

/**
 * Filters of the two properties. Each is a statement, or two, in a real ClickHouse: more of them would not end in time where all
 * tests run beside each other on two cores.
 */
const FILTERS = { normal: 150, exhaustive: 200 };
const CANONICAL = { normal: 40, exhaustive: 60 };

async function bytesOf(text: string): Promise<number> {
  return (await house.answer<TopAnswer>('top', { by: 'locality', filter: text })).total.value ?? 0;
}

test('a filter selects what its predicate selects', { timeout: 400_000 }, async () => {
  let selected = 0;
  await fc.assert(
    fc.asyncProperty(filter, async ({ text, fits }) => {
      fc.pre(text.length < 2000);
      const wanted = rows.filter(fits);
      if (wanted.length > 0 && wanted.length < ROWS) selected++;
      expect(await bytesOf(text), text).toBe(wanted.reduce((sum, { bytes }) => sum + bytes, 0));
    }),
    { numRuns: exhaustive ? FILTERS.exhaustive : FILTERS.normal },
  );
  // Most filters of the test select some rows and not all.
  expect(selected).toBeGreaterThan(50);
});

test('the canonical form of a filter selects the same', { timeout: 240_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(filter, async ({ text, fits }) => {
      fc.pre(text.length < 2000);
      const { status, body } = await house.get('/api/v1/filters/check', { filter: text });
      expect(status, body).toBe(200);
      const printed = (JSON.parse(body) as { filter: string }).filter;
      expect(await bytesOf(printed), `${text} -> ${printed}`).toBe(
        rows.filter(fits).reduce((sum, { bytes }) => sum + bytes, 0),
      );
    }),
    { numRuns: exhaustive ? CANONICAL.exhaustive : CANONICAL.normal },
  );
});

async function complete(text: string): Promise<string[]> {
  const { status, body } = await house.get('/api/v1/filters/complete', { filter: text });
  expect(status, body).toBe(200);
  return (JSON.parse(body) as { items: { text: string }[] }).items.map(item => item.text);
}

test('names are completed by what is stored, in any case, and what is put there can be read', async () => {
  expect(await complete('app = WE')).toEqual(['web', '"web (old)"', 'Web shop', 'web-eu']);
  expect(await complete('src.vm in (web-1, CACHE')).toEqual(['"cache or not"']);
  expect(await complete('dst.rack = ')).toEqual([
    'r1',
    'r2',
    'Row 3',
    'external',
    'ambiguous',
    'multicast',
    'infrastructure',
  ]);
  expect(await complete('app = "12"" ')).toEqual(['"12"" rack"']);
  expect(await complete('service = postgres')).toEqual(['postgresql']);
  for (const column of ['src.app', 'src.vm', 'dst.host', 'rack'])
    for (const name of await complete(`${column} = `)) {
      const { status, body } = await house.get('/api/v1/filters/check', { filter: `${column} = ${name}` });
      expect(status, body).toBe(200);
    }
});

test('a dimension is held up to its bound', async () => {
  const names = new NodeNames(house.storage, () => NOW, 3);
  const [srcApp] = columnOrPair('srcApp')!;
  expect(await names.find(srcApp!, '', 20)).toMatchObject({ names: expect.arrayContaining(['db']) });
  expect((await names.find(srcApp!, 'web', 20)).names).toEqual([]);
});
