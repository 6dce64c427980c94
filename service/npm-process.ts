// `npx hairpin` and `npm start` put npm, and a shell, between whoever starts Hairpin and Hairpin. When npm gets SIGTERM
// the shell ends and Hairpin is not reported; on SIGKILL nobody is. It would run on and hold its ports, and whoever started it
// knows no process id to stop it by. So Hairpin watches the npm that waits for it. The parents of a process are read from
// /proc: elsewhere than on Linux nothing is watched.

import { readFileSync } from 'node:fs';

const CHECK_MS = 1000;
/** npm itself, or the shell that npm starts. */
const ANCESTORS_MAX = 2;

/** Found when the process starts: by the time that it is ready, npm may have ended. */
const atStart = ancestors(process.pid);
const npm = atStart.findIndex(isNpm);

/** Calls back once, when the npm that started this process has ended; never when none did. */
export function onNpmEnd(ended: () => void): void {
  if (npm < 0) return;
  const timer = setInterval(() => {
    if (ancestors(process.pid)[npm] === atStart[npm]) return;
    clearInterval(timer);
    ended();
  }, CHECK_MS);
  timer.unref();
}

/** Parent, its parent, and so on; a process whose parent ends gets another one. */
function ancestors(pid: number): number[] {
  const found: number[] = [];
  for (let child = pid; found.length < ANCESTORS_MAX && child > 1; found.push(child)) child = parentOf(child);
  return found;
}

/** 0 where it cannot be read. */
function parentOf(pid: number): number {
  const status = readText(`/proc/${pid}/status`);
  return Number(/^PPid:\s*(\d+)/m.exec(status)?.[1] ?? 0);
}

/** npm writes its command over its arguments: `npm exec hairpin start`. */
function isNpm(pid: number): boolean {
  return /^npm\b|\/np[mx]-cli\.js\b/.test(readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
