// Callers of the API: bearer tokens from the file named in the configuration, read again when it changes. When a changed
// file is refused, the earlier tokens stay valid. Without a file every caller may do everything, so the API then listens on
// loopback only.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { DocumentError } from '../../schemas/documents.ts';
import { type Role, type Token, tokensChecker } from '../../schemas/tokens.ts';
import type { Log } from '../../service/log.ts';

export interface Caller {
  readonly name: string;
  readonly role: Role;
}

export interface Callers {
  /** Who has sent this Authorization header; undefined when nobody known has. */
  identify(authorization: string | undefined, nowMs: number): Caller | undefined;
  /** False when no token is needed. */
  readonly required: boolean;
}

const EVERYBODY: Caller = { name: 'loopback', role: 'admin' };
const LOOK_AGAIN_MS = 2000;

/** Throws a DocumentError when the file is missing or refused. */
export function createCallers(file: string, log: Log): Callers {
  if (file === '') return { identify: () => EVERYBODY, required: false };
  let { stamp, tokens } = read(file);
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  const lookAgain = (nowMs: number) => {
    if (nowMs - lookedAtMs < LOOK_AGAIN_MS) return;
    lookedAtMs = nowMs;
    try {
      if (stampOf(file) !== stamp) ({ stamp, tokens } = read(file));
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      stamp = stampOf(file);
      log.error(`${error.message}\n  the earlier tokens stay valid; correct the file`);
    }
  };

  return {
    required: true,
    identify(authorization, nowMs) {
      lookAgain(nowMs);
      const [, token] = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? '') ?? [];
      if (token === undefined) return undefined;
      // Looked up by its hash, so that the time it takes reveals nothing of other tokens.
      const known = tokens.get(createHash('sha256').update(token).digest('hex'));
      if (!known || (known.expires !== undefined && Date.parse(known.expires) <= nowMs)) return undefined;
      return { name: known.name, role: known.role };
    },
  };
}

function stampOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

function read(file: string): { stamp: string; tokens: ReadonlyMap<string, Token> } {
  const stamp = stampOf(file);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new DocumentError(`tokens ${file}`, [{ path: '', message: `cannot be read: ${(error as Error).message}` }]);
  }
  const { tokens } = tokensChecker.parse(`tokens ${file}`, text);
  return { stamp, tokens: new Map(tokens.map(token => [token.sha256, token])) };
}
