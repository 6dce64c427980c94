// Alerts over the API. Whoever may not see the answer that a rule watches sees neither its alerts nor how its evaluation went.

import type { Storage } from '../../storage/storage.ts';
import { newestAlertRules } from '../../storage/tables/alert-rules.ts';
import {
  type AlertRow,
  type AlertState,
  type EvaluationRow,
  selectAlerts,
  selectEvaluations,
} from '../../storage/tables/alerts.ts';
import { hideAddresses } from '../access/hiding.ts';
import { may, rightsOf } from '../access/rights.ts';
import { ProblemDocument } from '../http/problem.ts';
import type { Right, Routes } from '../http/routes.ts';
import { type Alert, AlertsAnswer, AlertsParameters } from './alert-schemas.ts';
import { alertRulesChecker } from './rule-check.ts';

const tags = ['alerts'];
const problems = { 400: ProblemDocument, 503: ProblemDocument };

export function registerAlerts(app: Routes, storage: Storage): void {
  const schema = {
    summary: 'Alerts that are firing, pending or resolved, and how their rules were evaluated',
    tags,
    querystring: AlertsParameters,
    response: { 200: AlertsAnswer, ...problems },
  };
  // Each alert is shown by the rights of its question, and hides addresses by them too: no one right says it for all.
  const config = { right: 'matrix', addresses: ['matrix'] } as const;
  app.get('/api/v1/alerts', { config, schema }, async (request): Promise<AlertsAnswer> => {
    const { state, rule, limit, offset } = request.query as AlertsParameters;
    const sees = (right: Right) => request.caller !== undefined && may(request.caller.role, right);
    const rights = request.caller ? rightsOf(request.caller.role) : [];
    const states = state.split(',') as AlertState[];
    const [{ alerts, count }, evaluations, document] = await Promise.all([
      selectAlerts(storage, { states, rule, rights, limit, offset }),
      selectEvaluations(storage, rights),
      newestAlertRules(storage),
    ]);
    // The last evaluation may be of rules that have been taken away.
    const { rules } = alertRulesChecker.restore(document?.body ?? '{}');
    const names = new Set(rules.map(({ name }) => name).filter(name => rule === undefined || name === rule));
    return {
      alerts: alerts.map(alert => shapeAlert(alert, sees)),
      count,
      rules: evaluations.filter(one => names.has(one.rule)).map(shapeEvaluation),
    };
  });
}

function shapeAlert(alert: AlertRow, sees: (right: Right) => boolean): Alert {
  const { rule, severity, labels, annotations, value, ending, fingerprint, addresses } = alert;
  const texts = { labels, annotations, value };
  const isWhole = addresses.length === 0 || addresses.some(right => sees(right as Right));
  return {
    ...{ rule, severity, ending, fingerprint, state: alert.state as AlertState },
    ...(isWhole ? texts : (hideAddresses(texts) as typeof texts)),
    since: iso(alert.sinceMs),
    firedAt: isoOrNull(alert.firedAtMs),
    resolvedAt: isoOrNull(alert.endedAtMs),
    evaluatedAt: iso(alert.evaluatedAtMs),
    unknownSince: isoOrNull(alert.unknownSinceMs),
  };
}

function shapeEvaluation({ rule, evaluatedAtMs, rows, truncated, error }: EvaluationRow) {
  return { rule, evaluatedAt: iso(evaluatedAtMs), rows, truncated, error };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number): string | null {
  return ms === 0 ? null : iso(ms);
}
