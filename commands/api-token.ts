// The bearer token of commands that call the API of a running Hairpin.

import { readFileSync } from 'node:fs';
import { usageError } from './command-line.ts';

export const TOKEN_FILE = '  --token-file FILE  file with the bearer token, where the API requires one';

/** Empty when no file is named. A flag would show the token in the list of processes. */
export function readToken(file: unknown, help: string): string {
  if (typeof file !== 'string') return '';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw usageError(`--token-file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, help);
  }
}

export function authorization(token: string): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}
