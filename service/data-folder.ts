// The data folder of a process: created when missing, and locked, because two processes must not replay one spool. The
// lock names its owner by process id and start time. The lock of a process that no longer runs is replaced.
//
// What is in it holds whole addresses, so it is for its user only: the process gives up the rights of others for every file
// that it makes from then on, and its children and threads with it.

import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { HairpinError } from './errors.ts';

const LOCK = 'hairpin.lock';
/** Files 0600, folders 0700. */
const UMASK = 0o077;

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
  process.umask(UMASK);
  try {
    makeFolder(path);
    closeToOthers(path);
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
      makeFolder(inner);
      closeToOthers(inner);
      return inner;
    },
    release: () => rmSync(lock, { force: true }),
  };
}

/**
 * Like mkdirSync with `recursive`, which never returns in Node 24 where the kernel makes no folder and reports ENOENT, such
 * as below /proc.
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path);
    return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
  }
  makeFolder(dirname(path));
  mkdirSync(path);
}

/** An earlier version, or whoever made the folder, may have left it open. */
function closeToOthers(path: string): void {
  if (process.platform === 'win32') return;
  const { mode } = statSync(path);
  if ((mode & UMASK) === 0) return;
  try {
    chmodSync(path, mode & 0o700);
  } catch {
    // A folder of another user, such as a mounted volume: its owner decides.
  }
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
