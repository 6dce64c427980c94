// The data folder: who may read it, and what happens where none can be made.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { requireTool } from '../testing/requirements.ts';
import { openDataFolder } from './data-folder.ts';

let root: string;
let umask: number;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hairpin-data-'));
  umask = process.umask(0);
});
afterEach(() => {
  process.umask(umask);
  rmSync(root, { recursive: true, force: true });
});

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('whatever the umask', () => {
  test('folder and files are for their user only, and so is what is made in it later', () => {
    const data = openDataFolder(join(root, 'deep', 'data'));
    writeFileSync(join(data.folder('spool'), 'batch'), '');
    expect(['', 'spool', 'spool/batch', 'hairpin.lock'].map(name => modeOf(join(data.path, name)))).toEqual([
      '700',
      '700',
      '600',
      '600',
    ]);
    data.release();
  });

  test('a folder that others could read is closed to them', () => {
    const path = join(root, 'data');
    mkdirSync(join(path, 'spool'), { recursive: true });
    for (const folder of [path, join(path, 'spool')]) chmodSync(folder, 0o755);
    const data = openDataFolder(path);
    data.folder('spool');
    expect([modeOf(path), modeOf(join(path, 'spool'))]).toEqual(['700', '700']);
    data.release();
  });
});

describe('where no folder can be made', () => {
  // Node 24 does not return from mkdirSync(recursive) where the kernel makes no folder.
  const proc = requireTool(
    '/proc',
    process.platform === 'linux',
    'Linux alone has a file system without folders to make',
  );
  test.runIf(proc).each(['/proc/nope/data', '/proc/nope'])('%s is refused at once', path => {
    expect(() => openDataFolder(path)).toThrow(/DATA_FOLDER_UNUSABLE: .*--data DIR/);
  });

  test('below a file is refused at once', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => openDataFolder(join(root, 'file', 'data'))).toThrow(/DATA_FOLDER_UNUSABLE: .*ENOTDIR.*--data DIR/);
    expect(() => openDataFolder(join(root, 'file'))).toThrow(/DATA_FOLDER_UNUSABLE: .*--data DIR/);
  });
});
