// Applications discovered among the VMs that none has, and one of them adopted: it becomes the last rule of a new version of
// the document, so that nothing which has an application changes, and an older version put back undoes it.

import { Type } from 'typebox';
import { ApplicationsPreview } from '../../schemas/applications-preview.ts';
import type { DiscoverReport, SuggestedApplication } from '../../schemas/coverage.ts';
import { type Key, serviceName } from '../../schemas/keys.ts';
import { HttpProblem } from '../http/problem.ts';
import type { Routes } from '../http/routes.ts';
import { requestDiscovery } from '../questions/advisor.ts';
import {
  NODE_TRAFFIC_COLUMNS,
  NODE_TRAFFIC_MAX,
  type NodeTrafficRow,
  nodeTrafficStatement,
} from '../questions/node-traffic.ts';
import { readSeen, seenWindow } from '../questions/seen-exporters.ts';
import type { Rule } from '../questions/suggestions.ts';
import { NO_CONDITION } from '../sql/filter.ts';
import { queryTables } from '../sql/tables.ts';
import { parseRequestedWindow, type RequestedWindow } from '../sql/window.ts';
import { type ApplicationsContext, jsonIn, preview, problems, tags } from './applications-context.ts';
import {
  DiscoverAdoptParameters,
  DiscoverAnswer,
  DiscoverParameters,
  discoverAdoptionChecker,
  PutAnswer,
  type PutParameters,
} from './applications-schemas.ts';
import type { RecordedApplications } from './applications-versions.ts';

/** Suggestions that one is adopted from. */
const ADOPTABLE_MAX = 10_000;

export function registerDiscover(app: Routes, context: ApplicationsContext): void {
  registerSuggested(app, context);
  registerAdoption(app, context);
}

function registerSuggested(app: Routes, context: ApplicationsContext): void {
  const schema = {
    summary: 'Applications that the VMs without one may belong to, with what speaks for each',
    tags,
    querystring: DiscoverParameters,
    response: { 200: DiscoverAnswer, ...problems },
  };
  app.get('/api/v1/applications/discover', { config: { right: 'read' }, schema }, async request => {
    const { from, to, limit, members } = request.query as DiscoverParameters;
    const requested = parseRequestedWindow(from, to, context.nowMs());
    const { report, isCut } = await discovered(context, requested, { limit, membersMax: members });
    return {
      from: new Date(requested.fromMs).toISOString(),
      to: new Date(requested.toMs).toISOString(),
      suggestions: (report?.suggestions ?? []).map(shapeSuggestion),
      suggestionCount: report?.suggestionCount ?? null,
      vms: report?.vms ?? null,
      unclaimed: report?.unclaimed ?? null,
      trafficCut: isCut,
      inventoryAsOf: report && report.asOfMs > 0 ? new Date(report.asOfMs).toISOString() : null,
    };
  });
}

function registerAdoption(app: Routes, context: ApplicationsContext): void {
  const schema = {
    summary: 'Turn a discovered application into the last one of the document',
    description:
      'Body: `{"suggestion": "shop"}`, the id of a suggestion of the same window, with `id`, `name` and `ports` in place of the suggested ones',
    tags,
    querystring: DiscoverAdoptParameters,
    response: { 200: Type.Union([PutAnswer, ApplicationsPreview]), ...problems },
  };
  app.post('/api/v1/applications/discover/adopt', { config: { right: 'admin' }, schema }, async request => {
    const params = request.query as PutParameters;
    const requested = parseRequestedWindow(params.from, params.to, context.nowMs());
    const wanted = jsonIn(request, discoverAdoptionChecker, 'the adoption');
    const { report } = await discovered(context, requested, { limit: ADOPTABLE_MAX, membersMax: 0 });
    const rule = ruleOf(report, wanted.suggestion);
    const extend = ({ body: active }: RecordedApplications) => context.checks.run('adoption', { active, rule, wanted });
    const { versions } = context;
    if (params.preview) return preview(context, await extend(await versions.read()), requested);
    return versions.record(async () => extend(await versions.read()), params.replaces);
  });
}

/** Refuses what cannot be adopted. */
function ruleOf(report: DiscoverReport | undefined, id: string): Rule {
  if (!report)
    throw new HttpProblem(
      409,
      'inventory-missing',
      'no inventory was recorded that holds in this window; start with --inventory FILE, or send a snapshot to /api/v1/inventory/snapshots',
    );
  const found = report.suggestions.find(suggestion => suggestion.id === id);
  const rule = found && shapeSuggestion(found).rule;
  if (rule) return rule;
  throw new HttpProblem(
    422,
    'no-rule',
    found
      ? `no selector names the VMs of "${id}" and no others; write the rule by hand`
      : `nothing of this window suggests an application "${id}"; read /api/v1/applications/discover for what it does`,
  );
}

async function discovered(
  { storage, advisor, nowMs }: ApplicationsContext,
  requested: RequestedWindow,
  limits: { readonly limit: number; readonly membersMax: number },
): Promise<{ readonly report: DiscoverReport | undefined; readonly isCut: boolean }> {
  const columns = [...NODE_TRAFFIC_COLUMNS];
  const query = { requested, metric: 'bytes', layer: 'l3', columns, condition: NO_CONDITION } as const;
  const now = nowMs();
  const found = await queryTables<NodeTrafficRow>(storage, query, now, nodeTrafficStatement);
  const { rows } = found;
  const seenIn = await readSeen(storage, seenWindow(found, now));
  const traffic = rows.map(({ serves, ...row }) => ({
    ...row,
    bytes: Number(row.bytes),
    serves: Number(serves) === 1,
  }));
  const report = await requestDiscovery(advisor, { ...seenIn, ...limits, traffic });
  return { report, isCut: rows.length >= NODE_TRAFFIC_MAX };
}

function shapeSuggestion({ servers, services, ...suggestion }: SuggestedApplication) {
  const rule: Rule | null = servers && { id: suggestion.id, servers, ports: [], strict: false };
  return {
    ...suggestion,
    ...{ members: [...suggestion.members], supports: [...suggestion.supports], evidence: [...suggestion.evidence] },
    services: services.map(key => serviceName(keyFromHex(key))),
    rule,
  };
}

function keyFromHex(hex: string): Key {
  return { high: Number.parseInt(hex.slice(0, 8), 16), low: Number.parseInt(hex.slice(8), 16) };
}
