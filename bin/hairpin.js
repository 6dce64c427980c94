#!/usr/bin/env -S node --enable-source-maps --disable-warning=ExperimentalWarning
// What `npx hairpin` runs: the bundle in dist/ (build.ts). In a clone, where the sources may have changed since they were
// bundled, it runs the sources then: a bundle that is out of date never runs. Plain JavaScript, which every version of
// Node can read.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

const NODE_MIN = 24;

/** @returns {string | undefined} why the bundle cannot run */
function outdated() {
  const list = new URL('../dist/sources.json', import.meta.url);
  if (!existsSync(list)) return 'dist/ holds no bundle';
  for (const [path, expected] of Object.entries(JSON.parse(readFileSync(list, 'utf8')))) {
    const file = new URL(`../${path}`, import.meta.url);
    if (!existsSync(file)) return `${path} is gone since dist/ was built`;
    if (createHash('sha256').update(readFileSync(file)).digest('hex') !== expected)
      return `${path} has changed since dist/ was built`;
  }
  return undefined;
}

const isClone = existsSync(new URL('../hairpin.ts', import.meta.url));
const reason = isClone ? outdated() : undefined;
if (Number(process.versions.node.split('.')[0]) < NODE_MIN) {
  process.stderr.write(
    `Hairpin needs Node ${NODE_MIN}, and this is Node ${process.versions.node}. npm install brings it: run npx hairpin, or npm start in a clone\n`,
  );
  process.exitCode = 1;
} else if (reason === undefined) await import('../dist/hairpin.js');
else {
  process.stderr.write(`${reason}: the sources run instead; npm run build makes a new bundle\n`);
  await import('../hairpin.ts');
}
