// The one way in which a file is replaced: written under a temporary name in the same folder, then renamed. A reader sees
// the old file or the new one, never a part, whenever the process is killed. write-file-atomic does this for one text or
// buffer; batches are lists of buffers that are never copied together, and the journal of templates is written in chunks.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writevSync } from 'node:fs';
import { dirname } from 'node:path';

export interface ReplaceOptions {
  /** In the same folder; `path` with `.new` when left out. */
  readonly temporary?: string;
  readonly mode?: number;
  /** Survives loss of power as well: file and folder are synced. */
  readonly durable?: boolean;
}

export type Append = (pieces: readonly Uint8Array[]) => void;

/** `write` appends what the file will hold. When anything fails the temporary file is removed and the old one stays. */
export function replaceFile(
  path: string,
  write: (append: Append) => void,
  { temporary = `${path}.new`, mode = 0o600, durable = false }: ReplaceOptions = {},
): void {
  try {
    const file = openSync(temporary, 'w', mode);
    try {
      write(pieces => writeAll(file, pieces));
      if (durable) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (durable) syncFolder(dirname(path));
}

/** With the rights that the umask leaves: what people write for others to read. In a data folder the umask leaves none. */
export function replaceText(path: string, text: string): void {
  replaceFile(path, append => append([Buffer.from(text)]), { mode: 0o666 });
}

/** A nearly full disk takes a part of what it is given before it reports ENOSPC. */
function writeAll(file: number, pieces: readonly Uint8Array[]): void {
  let rest = [...pieces];
  while (rest.length > 0) {
    let written = writevSync(file, rest);
    const open = rest.findIndex(piece => {
      if (written < piece.length) return true;
      written -= piece.length;
      return false;
    });
    rest = open < 0 ? [] : [rest[open]!.subarray(written), ...rest.slice(open + 1)];
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
