// Holds the order of the folders: imports go one way and in no circle (docs/ARCHITECTURE.md).

import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { circularImports, type Import, importsOf, sourceFiles } from './import-graph.ts';

/** A folder of the root imports itself and those of the lines above it, never its neighbour in the same line. */
const LAYERS: readonly (readonly string[])[] = [
  ['schemas', 'client'],
  ['service'],
  ['transport', 'storage'],
  ['inventory'],
  ['collector', 'enricher'],
  ['analysis'],
  ['query-api'],
  ['commands'],
  ['hairpin.ts', 'dist'],
  ['bin'],
];
/** They may import everything; only each other, these commands and the settings of tests import them. */
const TOOLS = ['benchmarks', 'testing', 'docs'];
const STARTS_TOOLS = /^(commands\/(load|verify|demo|bench)|vitest\.config)\.ts$/;
/** The only imports of files whose folder is stricter than its layer, by the start of their path. */
const ONLY: Readonly<Record<string, RegExp>> = {
  'collector/decode/': /^(schemas|collector\/decode)\//,
  'schemas/': /^(schemas\/|node:(crypto|net)$|(?!node:)[^/]+(\/[^/.]+)?$)/,
  'client/': /^(client\/|openapi-fetch$)/,
  'console/': /^(schemas|query-api\/(answers|questions)|console)\/|^uplot$/,
  // The console may load the language of filters as it is.
  'query-api/filter/': /^(query-api\/filter\/|schemas\/glob\.ts$|@lezer\/(common|lr)$)/,
  'query-api/': /^(?!collector\/|enricher\/)/,
  'build.ts': /^(node:|rolldown$)/,
  'vitest.config.ts': /^(node:|vitest\/|testing\/slow-first\.ts$)/,
};
/** Types that the parts of a folder share stand in a file beside the parts: its importers close a circle of types only. */
const SHARED_TYPES = [
  'collector/configuration.ts',
  'enricher/configuration.ts',
  'query-api/configuration.ts',
  'query-api/routes.ts',
  'query-api/documents/routes.ts',
  // What decodes a datagram is passed its context, which holds the states of all protocols, and the state of its exporter.
  'collector/decode/context.ts',
  'collector/decode/exporters/domain.ts',
];
/** Its folders count as one: a domain holds templates, agents and rates, whose decoders write into the domain. */
const ONE_FOLDER = 'collector/decode';

const isFile = (target: string) => /\.(ts|js)$/.test(target);
const roomOf = (file: string) => file.split('/')[0]!;
const folderOf = (file: string) => (`${file}/`.startsWith(`${ONE_FOLDER}/`) ? ONE_FOLDER : dirname(file));
const textOf = ({ file, target }: Import) => `${file} imports ${target}`;

function brokenArrows(imports: readonly Import[]): string[] {
  return imports.flatMap(one => {
    const reason = brokenArrow(one);
    return reason === undefined ? [] : [`${textOf(one)}: ${reason}`];
  });
}

/** Why the import is none of those that the order allows. */
function brokenArrow({ file, target }: Import): string | undefined {
  const [only, allowed] = Object.entries(ONLY).find(([start]) => file.startsWith(start)) ?? [];
  if (only && !allowed!.test(target)) return `${only} imports only what ${allowed} allows`;
  const [from, to] = [roomOf(file), roomOf(target)];
  if (!isFile(target) || from === to || TOOLS.includes(from) || from === 'console') return undefined;
  if (TOOLS.includes(to)) return STARTS_TOOLS.test(file) ? undefined : `${to} is imported by tests and tools only`;
  const [layer, lower] = [from, to].map(room => LAYERS.findIndex(rooms => rooms.includes(room)));
  if (layer === -1 || lower === -1) return `${layer === -1 ? from : to} has no place in LAYERS`;
  return lower! < layer! ? undefined : `${from} -> ${to} is against the order of LAYERS`;
}

function circles(imports: readonly Import[]): string[] {
  const counted = imports.filter(
    ({ target, kind }) => isFile(target) && !(kind === 'type' && SHARED_TYPES.includes(target)),
  );
  return [
    ...circularImports(counted, file => file).map(one => `${textOf(one)}: a circle of files`),
    ...circularImports(counted, folderOf).map(
      one => `${textOf(one)}: a circle of folders through ${folderOf(one.file)} and ${folderOf(one.target)}`,
    ),
  ];
}

test('imports go one way and in no circle', () => {
  const imports = sourceFiles().flatMap(file => importsOf(file));
  expect(imports.length).toBeGreaterThan(1000);
  expect([...brokenArrows(imports), ...circles(imports)]).toEqual([]);
});

test.each([
  ['storage/a.ts', "import type { B } from '../transport/b.ts';", 'storage -> transport'],
  ['collector/a.ts', "import {\n  b,\n} from '../enricher/b.ts';", 'collector -> enricher'],
  ['service/a.ts', "new URL('../commands/b.ts', import.meta.url)", 'service -> commands'],
  ['analysis/a.ts', "await import('../testing/b.ts')", 'testing is imported by tests and tools only'],
  ['commands/start.ts', "export { b } from '../benchmarks/b.ts';", 'benchmarks is imported by tests and tools only'],
  ['collector/decode/a.ts', "import { readFileSync } from 'node:fs';", 'collector/decode/ imports only'],
  ['collector/decode/a.ts', "import { b } from '../b.ts';", 'collector/decode/ imports only'],
  ['schemas/a.ts', "import 'node:fs';", 'schemas/ imports only'],
  ['console/a.ts', "import { b } from '../query-api/sql/b.ts';", 'console/ imports only'],
  ['query-api/a.ts', "import { b } from '../enricher/b.ts';", 'query-api/ imports only'],
  ['attic/a.ts', "import { b } from '../schemas/b.ts';", 'attic has no place'],
])('%s may not say %s', (file, text, arrow) => {
  expect(brokenArrows(importsOf(file, text))).toEqual([expect.stringContaining(arrow)]);
});

test('a circle of files is found, and one of folders of which no file imports itself', () => {
  const files = [
    ...importsOf('service/a.ts', "import { b } from './b.ts';"),
    ...importsOf('service/b.ts', "import type { A } from './a.ts';"),
  ];
  expect(circles(files)).toEqual([
    'service/a.ts imports service/b.ts: a circle of files',
    'service/b.ts imports service/a.ts: a circle of files',
  ]);
  const folders = [
    ...importsOf('service/a.ts', "import { b } from './part/b.ts';"),
    ...importsOf('service/part/c.ts', "import { d } from '../d.ts';"),
  ];
  expect(circles(folders)).toEqual([
    'service/a.ts imports service/part/b.ts: a circle of folders through service and service/part',
    'service/part/c.ts imports service/d.ts: a circle of folders through service/part and service',
  ]);
  expect(circles(folders.slice(1))).toEqual([]);
});
