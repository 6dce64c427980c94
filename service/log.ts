// One log for every thread: JSON lines on standard error, or readable lines when that is a terminal. Standard output
// belongs to the data that commands such as `decode` print.

import pino from 'pino';
import pretty from 'pino-pretty';

export type Log = pino.Logger;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export function createLog(part: string, level: LogLevel = 'info'): Log {
  const stream = process.stderr.isTTY
    ? pretty({
        destination: 2,
        sync: true,
        ignore: 'pid,hostname,part',
        messageFormat: '{part}: {msg}',
        translateTime: 'SYS:HH:MM:ss',
      })
    : pino.destination({ fd: 2, sync: true });
  return pino({ level, base: { part } }, stream);
}

/** Writes at most one message per interval and kind, with the number of those that it held back. */
export function createThrottle(intervalMs = 1000): (kind: string, write: (heldBack: number) => void) => void {
  const last = new Map<string, { at: number; heldBack: number }>();
  return (kind, write) => {
    const entry = last.get(kind) ?? { at: Number.NEGATIVE_INFINITY, heldBack: 0 };
    last.set(kind, entry);
    const now = performance.now();
    if (now - entry.at < intervalMs) {
      entry.heldBack++;
      return;
    }
    write(entry.heldBack);
    entry.at = now;
    entry.heldBack = 0;
  };
}
