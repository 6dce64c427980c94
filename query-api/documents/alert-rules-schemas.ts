// Parameters and answers of the routes of alert rules.

import { type Static, Type } from 'typebox';
import type { AlertRules } from '../../schemas/alert-rules.ts';
import { closed } from '../answers/answers.ts';
import { recordedAnswer, replaces, versionParameters } from './versions.ts';

export const RulesGetParameters = Type.Object(versionParameters, closed);
export const RulesPutParameters = Type.Object({ replaces }, closed);
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
    ...recordedAnswer,
    rules: Type.Integer(),
  },
  closed,
);
export type RulesPutAnswer = Static<typeof RulesPutAnswer>;
