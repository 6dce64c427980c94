// Every metric that the documents name is a metric of the program.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const DOCUMENTS = ['docs/TROUBLESHOOTING.md', 'docs/SCALING.md'];
const STAGES = ['collector', 'encoder', 'spool', 'kafka', 'quarantine', 'enricher', 'storage'];

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map(name => readFileSync(join(ROOT, folder, name), 'utf8'));
}

test.each(DOCUMENTS)('%s names metrics that exist', document => {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const named = [...text.matchAll(/`(?:hairpin_)?([a-z]+_[a-z_]+)(?:\{[^}]*\})?`/g)]
    .map(([, name]) => name!)
    .filter(name => STAGES.includes(name.split('_')[0]!));
  const code = ['collector', 'enricher', 'inventory', 'analysis', 'storage', 'transport', 'service', 'commands']
    .flatMap(sources)
    .join('\n');
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter(name => !code.includes(`'${name}'`))).toEqual([]);
});
