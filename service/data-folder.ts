// The data folder of a process: created when missing, and locked, because two processes must not replay one spool. The
// lock names its owner by process id and start time. The lock of a process that no longer runs is replaced.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { HairpinError } from './errors.ts';

const LOCK = 'hairpin.lock';

export interface DataFolder {
  readonly path: string;
  /** A folder inside it, created when missing. */
  folder(name: string): string;
  release(): void;
}

/** Throws DATA_FOLDER_TAKEN or DATA_FOLDER_UNUSABLE. */
export function openDataFolder(folder: string): DataFolder {
  const path = resolve(folder);
  const lock = join(path, LOCK);
  try {
    mkdirSync(path, { recursive: true });
    takeLock(lock, path);
  } catch (error) {
    if (error instanceof HairpinError) throw error;
    throw new HairpinError(
      'DATA_FOLDER_UNUSABLE',
      `${path} cannot be written (${(error as NodeJS.ErrnoException).code}); choose another with --data DIR`,
      error,
    );
  }
  return {
    path,
    folder(name) {
      const inner = join(path, name);
      mkdirSync(inner, { recursive: true });
      return inner;
    },
    release: () => rmSync(lock, { force: true }),
  };
}

function takeLock(lock: string, path: string): void {
  const own = `${process.pid} ${startTime(process.pid)}`;
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(lock, own, { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tries > 0) throw error;
    }
    const [pid = '', started = ''] = readFileSync(lock, 'utf8').split(' ');
    if (/^\d+$/.test(pid) && Number(pid) !== process.pid && startTime(Number(pid)) === started && started !== '') {
      throw new HairpinError(
        'DATA_FOLDER_TAKEN',
        `${path} is used by another Hairpin (process ${pid}); stop it or choose another folder with --data DIR`,
      );
    }
    rmSync(lock, { force: true });
  }
}

/** Start time of a process: clock ticks since boot on Linux, 'alive' elsewhere, '' when there is no such process. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    if (process.platform === 'linux') return '';
  }
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch {
    return '';
  }
}
