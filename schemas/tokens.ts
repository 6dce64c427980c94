// Who may ask the API: bearer tokens, each with a role. The file holds hashes only, so that reading it gives nobody access.

import { type Static, Type } from 'typebox';
import { documentChecker, type Fault } from './documents.ts';

const closed = { additionalProperties: false } as const;

/** Each may what those before it may, but for `inventory`, which sees addresses in documents alone. */
export const ROLES = [
  'matrix', // applications, services and localities: no VM, no address
  'read', // every question that shows no address; in documents and events addresses are hidden
  'records', // addresses and records too; these questions are logged
  'inventory', // `read`, reads documents whole, and hands them in
  'admin', // everything
] as const;
export type Role = (typeof ROLES)[number];

const Token = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 255, description: 'who it is, in logs' }),
    role: Type.Enum([...ROLES] as unknown as typeof ROLES),
    sha256: Type.String({
      pattern: '^[0-9a-f]{64}$',
      expected: '64 hexadecimal digits, as hairpin token prints them',
      description: 'SHA-256 of the token, 64 hexadecimal digits; hairpin token prints both',
    }),
    expires: Type.Optional(Type.String({ format: 'date-time', description: 'from then on it is refused (RFC 3339)' })),
  },
  closed,
);

export const Tokens = Type.Object({ tokens: Type.Array(Token, { minItems: 1, maxItems: 10_000 }) }, closed);
export type Tokens = Static<typeof Tokens>;
export type Token = Static<typeof Token>;

export const tokensChecker = documentChecker(Tokens, ({ tokens }) => {
  const faults: Fault[] = [];
  const seen = new Map<string, number>();
  tokens.forEach(({ sha256 }, i) => {
    const first = seen.get(sha256);
    if (first === undefined) seen.set(sha256, i);
    else faults.push({ path: `/tokens/${i}/sha256`, message: `is that of /tokens/${first} already` });
  });
  return faults;
});
