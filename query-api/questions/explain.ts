// `explain=true`: the statements behind an answer, and what each has read. They show how data are stored and every bound
// value, so this needs the role admin, whatever the question itself needs (access/protection.ts).

import { Type } from 'typebox';
import { closed } from '../answers/answers.ts';

export const explain = Type.Boolean({
  default: false,
  description: 'adds the statements behind the answer and what each has read; needs the role admin, and format=json',
});

export const Explained = Type.Array(
  Type.Object(
    {
      sql: Type.String(),
      parameters: Type.Record(Type.String(), Type.String(), { description: 'bound values, long ones cut' }),
      tables: Type.Array(Type.String(), { description: 'tables that it names' }),
      rowsRead: Type.Number(),
      bytesRead: Type.Number({ description: 'uncompressed' }),
      elapsedMs: Type.Number(),
    },
    closed,
  ),
  { description: 'with explain=true: the statements in the order in which they ended' },
);
