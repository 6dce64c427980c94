// Parameters and answer of the route of alerts.

import { type Static, Type } from 'typebox';
import { ALERT_STATES } from '../../storage/tables/alerts.ts';
import { closed, NullableTime, Time } from '../answers/answers.ts';
import { Limit, Offset } from '../questions/parameters.ts';

const STATES_PATTERN = `^(${ALERT_STATES.join('|')})(,(${ALERT_STATES.join('|')}))*$`;

export const AlertsParameters = Type.Object(
  {
    state: Type.String({
      ...{ default: 'firing,pending', pattern: STATES_PATTERN, maxLength: 64, examples: ['firing', 'resolved'] },
      description: `${ALERT_STATES.join(', ')}, joined by commas; resolved ones are the history`,
    }),
    rule: Type.Optional(Type.String({ maxLength: 100, description: 'only alerts of the rule of this name' })),
    limit: Limit(100, 1000, 'alerts listed: firing ones first, then pending, then resolved, the newest first'),
    offset: Offset('alerts left out before the first one listed'),
  },
  closed,
);
export type AlertsParameters = Static<typeof AlertsParameters>;

const Texts = (description: string) => Type.Record(Type.String(), Type.String(), { description });
const Alert = Type.Object(
  {
    rule: Type.String(),
    state: Type.Enum([...ALERT_STATES] as unknown as typeof ALERT_STATES),
    severity: Type.String(),
    labels: Texts('the key columns of the row, and the labels of the rule'),
    annotations: Texts('texts of the rule, filled in'),
    value: Type.Unsafe<number | boolean | string | null>({
      type: ['number', 'boolean', 'string', 'null'],
      description: 'the last one that is known',
    }),
    since: Time('end of the first bucket with the value beyond the bound'),
    firedAt: NullableTime('when it began to fire; null while pending'),
    resolvedAt: NullableTime('when it ended'),
    ending: Type.String({
      description:
        'cleared, rule-changed, rule-removed, or unknown-too-long: nothing was known of it for seven days; empty before',
    }),
    evaluatedAt: Time('end of the bucket on which it was evaluated last'),
    unknownSince: NullableTime('since then the value is not known, and the state stays as it was; null: it is known'),
    fingerprint: Type.String({ description: 'identifies rule and row' }),
  },
  closed,
);
export type Alert = Static<typeof Alert>;

const Evaluation = Type.Object(
  {
    rule: Type.String(),
    evaluatedAt: Time('end of the bucket on which it was evaluated last'),
    rows: Type.Integer({ description: 'rows read' }),
    truncated: Type.Boolean({ description: 'the answer has more rows than are read; nothing is known of the others' }),
    error: Type.String({ description: 'why it was not evaluated; empty: it was' }),
  },
  closed,
);

export const AlertsAnswer = Type.Object(
  {
    alerts: Type.Array(Alert),
    count: Type.Integer({ description: 'alerts there are; limit and offset choose the ones listed' }),
    rules: Type.Array(Evaluation, { description: 'how the last evaluation of each rule went' }),
  },
  closed,
);
export type AlertsAnswer = Static<typeof AlertsAnswer>;
