// `hairpin token`: a new bearer token, and its entry for the API.

import { createHash, randomBytes } from 'node:crypto';
import { ROLES, type Role } from '../schemas/tokens.ts';
import { parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin token NAME --role ROLE

Prints a new token, which is shown only once, and its entry for the file given by --tokens, which holds the hash only:

  tokens:
    - { name: NAME, role: ROLE, sha256: ... }

Roles: matrix (applications only), read (no addresses), records (addresses and records; its requests are logged),
inventory (read, and sends documents), admin. An entry may have "expires" (RFC 3339). The file is read again when it changes.
`;

const TOKEN_BYTES = 32;

export async function token(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, { role: { type: 'string' } }, HELP);
  if (!values) return 0;
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw usageError('one NAME is needed', HELP);
  const role = values['role'];
  if (!ROLES.includes(role as Role)) throw usageError(`--role must be one of ${ROLES.join(', ')}`, HELP);
  const secret = `hp_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  const sha256 = createHash('sha256').update(secret).digest('hex');
  process.stdout.write(`${secret}\n`);
  process.stderr.write(`\n  - ${JSON.stringify({ name, role, sha256 })}\n`);
  return 0;
}
