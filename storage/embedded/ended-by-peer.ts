// Whether a connection that its peer reset has ended the engine. The engine is clickhouse-local, which, unlike
// clickhouse-server, ends with SIGABRT at an exception that no HTTP handler catches, and a reset in the middle of a request
// is one. Neither an option nor a handler of ours can change that, so the supervisor only must not hold it against the
// engine. The server's log has the reason as its last fatal lines.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The lines of one end are a few KiB. */
const READ_BYTES_MAX = 256 * 1024;
/**
 * The engine's own exception for a connection that broke or stayed silent (codes 209, 210), or that of its library:
 * ECONNRESET, ENOTCONN, EPIPE, ECONNABORTED and ETIMEDOUT on Linux, then on macOS.
 */
const BY_PEER =
  /^.{0,100}\n?.{0,400}(?:Code: (?:209|210)\. DB::NetException: |e\.code\(\) = (?:104|107|32|103|110|54|57|53|60),)/;
const TERMINATE = 'Terminate called for uncaught exception:';

/** `fromBytes`: how long the log was when this engine was started. */
export function endedByPeer(logFile: string, fromBytes: number): boolean {
  const text = tailOf(logFile, fromBytes);
  const last = text.lastIndexOf(TERMINATE);
  return last >= 0 && BY_PEER.test(text.slice(last));
}

/** Size of a log; 0 when there is none. */
export function sizeOf(logFile: string): number {
  return withFile(logFile, file => fstatSync(file).size) ?? 0;
}

function tailOf(logFile: string, fromBytes: number): string {
  return (
    withFile(logFile, file => {
      const { size } = fstatSync(file);
      // A log that is shorter than before was rotated.
      const from = Math.max(size < fromBytes ? 0 : fromBytes, size - READ_BYTES_MAX);
      const bytes = Buffer.alloc(size - from);
      return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, from));
    }) ?? ''
  );
}

function withFile<T>(path: string, read: (file: number) => T): T | undefined {
  let file = -1;
  try {
    file = openSync(path, 'r');
    return read(file);
  } catch {
    return undefined;
  } finally {
    if (file >= 0) closeSync(file);
  }
}
