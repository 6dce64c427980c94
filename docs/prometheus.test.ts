// The rules for Prometheus name metrics, labels and sections that exist, and promtool accepts them.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { METRIC_PREFIX } from '../service/metrics.ts';
import { onPath, requireTool } from '../testing/requirements.ts';

const ROOT = join(import.meta.dirname, '..');
const FILE = join(import.meta.dirname, 'prometheus/hairpin.rules.yml');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const text = readFileSync(FILE, 'utf8');
const rules = (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap(group => group.rules);
const code = ['collector', 'enricher', 'inventory', 'storage', 'transport', 'service', 'commands', 'query-api']
  .flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map(name => readFileSync(join(ROOT, folder, name), 'utf8')),
  )
  .join('\n');

test('every metric is one of the program, with the prefix that it is shown with', () => {
  const named = rules.flatMap(({ expr }) =>
    [...expr.matchAll(/\b([a-z]+_[a-z_]+)\b(?=[{[ )])/g)].map(([, name]) => name!),
  );
  const metrics = new Set(named);
  expect(metrics.size).toBeGreaterThan(15);
  const missing = [...metrics].filter(
    name => !name.startsWith(METRIC_PREFIX) || !code.includes(`'${name.slice(METRIC_PREFIX.length)}'`),
  );
  expect(missing).toEqual([]);
});

test('every value of a label that is selected is one that the program gives', () => {
  const values = rules.flatMap(({ expr }) =>
    [...expr.matchAll(/\w+=~?"([^"]+)"/g)].flatMap(([, alternatives]) => alternatives!.split('|')),
  );
  expect(values.length).toBeGreaterThan(2);
  expect(values.filter(value => !code.includes(`'${value}'`))).toEqual([]);
});

test('every rule has a severity and says what to do, in sections that exist', () => {
  expect(rules.map(({ alert }) => alert)).toEqual([...new Set(rules.map(({ alert }) => alert))]);
  for (const { alert, labels, annotations } of rules) {
    expect(['warning', 'critical'], alert).toContain(labels['severity']);
    expect(annotations['summary'], alert).toMatch(/\S/);
    for (const [, file, title] of annotations['description']!.matchAll(/(docs\/[A-Z]+\.md), "([^"]+)"/g))
      expect(readFileSync(join(ROOT, file!), 'utf8'), `${alert}: ${title}`).toMatch(new RegExp(`^#+ ${title}$`, 'm'));
  }
});

const promtool = requireTool('promtool', onPath('promtool'), 'apt install prometheus');
test.skipIf(!promtool)('promtool accepts the file', () => {
  const said = execFileSync('promtool', ['check', 'rules', FILE], { encoding: 'utf8' });
  expect(said).toContain(`SUCCESS: ${rules.length} rules found`);
});
