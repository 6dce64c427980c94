// The documents and the code name each other: files, sections and links that are named exist.

import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alertRulesChecker } from '../query-api/alerts/rule-check.ts';
import { applicationsChecker } from '../schemas/applications.ts';
import type { Checker } from '../schemas/documents.ts';
import { exporterRegistryChecker } from '../schemas/exporters.ts';
import { inventoryChecker } from '../schemas/inventory.ts';
import { tokensChecker } from '../schemas/tokens.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const find = (pattern: string) => globSync(pattern, { cwd: ROOT, exclude: ['**/node_modules', '**/dist'] }).sort();

const DOCUMENTS = find('**/*.md');

/** Titles of the sections of a document. */
function titles(path: string): string[] {
  return [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, title]) => title!);
}

/** The anchor that a forge makes of a title. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

test('every section that a log line or a comment names is in its document', () => {
  const named = find('**/*.ts').flatMap(file =>
    [...read(file).matchAll(/(docs\/[A-Z]+\.md)[,;] "([^"]+)"/g)].map(([, path, title]) => ({ file, path, title })),
  );
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter(({ path, title }) => !existsSync(join(ROOT, path!)) || !titles(path!).includes(title!))).toEqual(
    [],
  );
});

test('every section that a row of TROUBLESHOOTING.md names is there', () => {
  const named = [...read('docs/TROUBLESHOOTING.md').matchAll(/ see ((?:"[^"]+"(?:, )?)+)/g)].flatMap(([, list]) =>
    [...list!.matchAll(/"([^"]+)"/g)].map(([, title]) => title!),
  );
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter(title => !titles('docs/TROUBLESHOOTING.md').includes(title))).toEqual([]);
});

test.each(DOCUMENTS)('the links of %s lead to files and sections that exist', document => {
  const links = [...read(document).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter(link => !/^[a-z]+:/.test(link));
  const broken = links.filter(link => {
    const [file = '', section] = link.split('#');
    const path = file === '' ? document : join(dirname(document), file);
    if (!existsSync(join(ROOT, path))) return true;
    return section !== undefined && !titles(path).map(anchor).includes(section);
  });
  expect(broken).toEqual([]);
});

describe.each(['ARCHITECTURE', 'COUNTING', 'INVENTORY'])('docs/%s.md', name => {
  test('names files and folders that exist', () => {
    const text = read(`docs/${name}.md`);
    const folders = new Set(find('*/').map(path => basename(path)));
    const named = [...text.matchAll(/`([a-z-]+)\/[\w./-]*`/g)]
      .filter(([path, folder]) => folders.has(folder!) && !path.includes('NAME'))
      .map(([path]) => path.slice(1, -1));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(path => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('docs/DOCUMENTS.md', () => {
  const examples = [...read('docs/DOCUMENTS.md').matchAll(/^## (.+)\n[\s\S]*?```yaml\n([\s\S]*?)```/gm)];
  const checkers: Readonly<Record<string, Checker<unknown>>> = {
    Inventory: inventoryChecker,
    'Exporter registry': exporterRegistryChecker,
    Applications: applicationsChecker,
    'Alert rules': alertRulesChecker,
    'API tokens': tokensChecker,
  };

  test('has an example of every document', () => {
    expect(examples.map(([, title]) => title)).toEqual(Object.keys(checkers));
  });

  test.each(Object.entries(checkers))('its example of %s is accepted', (title, checker) => {
    const [, , text] = examples.find(([, name]) => name === title)!;
    expect(() => checker.parse(title, text!)).not.toThrow();
  });

  test('the rules of docs/ALERTS.md are accepted', () => {
    const blocks = [...read('docs/ALERTS.md').matchAll(/^```yaml\n([\s\S]*?)```/gm)].map(([, text]) => text!);
    const names = blocks.flatMap(text => alertRulesChecker.parse('docs/ALERTS.md', text).rules.map(({ name }) => name));
    expect(names.length).toBeGreaterThan(5);
  });

  test('the registry refers to switches of the inventory', () => {
    const text = (name: string) => examples.find(([, title]) => title === name)![2]!;
    const inventory = inventoryChecker.parse('', text('Inventory'));
    const { exporters } = exporterRegistryChecker.parse('', text('Exporter registry'));
    const switches = inventory.switches.map(({ id }) => id);
    for (const exporter of exporters) if (exporter.switch !== undefined) expect(switches).toContain(exporter.switch);
  });
});
