// Parameters and answers of the routes of alert rules.

import { type Static, Type } from 'typebox';
import type { AlertRules } from '../../schemas/alert-rules.ts';
import { closed } from '../answers/answers.ts';

export const RulesGetParameters = Type.Object(
  { version: Type.Optional(Type.String({ maxLength: 64, description: 'an older version' })) },
  closed,
);
export const RulesPutParameters = Type.Object(
  {
    replaces: Type.Optional(
      Type.String({ maxLength: 64, description: 'the version that must be the active one, or nothing is recorded' }),
    ),
  },
  closed,
);
const RulesVersion = Type.Object(
  {
    version: Type.String({ format: 'date-time', description: 'when it was recorded' }),
    source: Type.String(),
    rules: Type.Integer(),
    bytes: Type.Integer(),
  },
  closed,
);
export type RulesVersion = Static<typeof RulesVersion>;
export const RulesAnswer = Type.Object(
  {
    version: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'null: none was ever recorded' }),
    versions: Type.Array(RulesVersion, { description: 'the newest first' }),
    /** As it is recorded: the schema of a document has defaults that must not fill an answer. */
    document: Type.Unsafe<AlertRules>({ type: 'object', additionalProperties: true, description: 'alert rules' }),
  },
  closed,
);
export const RulesPutAnswer = Type.Object(
  {
    outcome: Type.Enum(['recorded', 'unchanged']),
    version: Type.String({ format: 'date-time' }),
    rules: Type.Integer(),
  },
  closed,
);
export type RulesPutAnswer = Static<typeof RulesPutAnswer>;
