// POST /api/v1/documents/check: a document as it would be taken, and stored nowhere. The answer says what it would add,
// change and end, and which references lead nowhere. `hairpin inventory check --api` and `import` print it.

import { type Static, Type } from 'typebox';
import { DocumentWarning } from '../../schemas/applications-preview.ts';
import { newestAlertRules } from '../../storage/tables/alert-rules.ts';
import { closed, NullableTime } from '../answers/answers.ts';
import { ProblemDocument } from '../http/problem.ts';
import type { Routes } from '../http/routes.ts';
import { type Comparison, MISSING_MAX, NAMES_MAX, REFERABLE_KINDS } from './comparison.ts';
import { heldEntities, idsOf } from './entities.ts';
import { newestDocument, newestVersion } from './recorded.ts';
import type { DocumentDependencies } from './writer.ts';

const KINDS = ['inventory', 'exporters', 'applications', 'alerts'] as const;

const Parameters = Type.Object(
  { kind: Type.Unsafe<(typeof KINDS)[number]>({ type: 'string', enum: KINDS, description: 'what the document is' }) },
  closed,
);
type Parameters = Static<typeof Parameters>;

const Names = Type.Array(Type.String(), { description: `ids, at most ${NAMES_MAX}` });
const Answer = Type.Object(
  {
    kind: Type.Enum([...KINDS] as unknown as typeof KINDS),
    source: Type.String({ description: 'of an inventory: whose snapshot it is; else empty' }),
    activeSince: NullableTime(
      'when the document that it is compared with was recorded, of an inventory what that describes; null: there is none',
    ),
    differences: Type.Array(
      Type.Object(
        {
          kind: Type.String({ description: 'list of the document: vms, exporters, applications, rules' }),
          added: Type.Integer(),
          changed: Type.Integer({ description: 'an application that comes at another place is changed too' }),
          ended: Type.Integer({ description: 'active now, and not any more with this document' }),
          names: Type.Object({ added: Names, changed: Names, ended: Names }, closed),
        },
        closed,
      ),
      { description: 'by list; of an inventory within its own source' },
    ),
    missing: Type.Array(
      Type.Object(
        {
          path: Type.String({ description: 'JSON pointer into the document' }),
          message: Type.String(),
          kind: Type.Enum([...REFERABLE_KINDS] as unknown as typeof REFERABLE_KINDS),
          id: Type.String(),
        },
        closed,
      ),
      { description: `references to what neither the document nor an active one has, at most ${MISSING_MAX}` },
    ),
    warnings: Type.Array(DocumentWarning, { description: 'what of an applications document has no effect' }),
  },
  closed,
);
type Answer = Static<typeof Answer>;

export function registerComparisons(app: Routes, dependencies: DocumentDependencies): void {
  const schema = {
    summary: 'Check a document against the active ones, and store nothing (JSON or YAML)',
    tags: ['documents'],
    querystring: Parameters,
    response: {
      200: Answer,
      400: ProblemDocument,
      413: ProblemDocument,
      415: ProblemDocument,
      422: ProblemDocument,
      503: ProblemDocument,
    },
  };
  app.post<{ Querystring: Parameters; Body: Buffer<ArrayBuffer> }>(
    '/api/v1/documents/check',
    { config: { right: 'inventory' }, schema },
    async ({ query: { kind }, body }) => {
      const found = await COMPARE[kind](dependencies, body);
      return { kind, source: '', warnings: [], ...found };
    },
  );
}

type Compared = Omit<Answer, 'kind' | 'source' | 'warnings'> & Partial<Pick<Answer, 'source' | 'warnings'>>;

const COMPARE: Readonly<Record<Parameters['kind'], (from: DocumentDependencies, body: Buffer) => Promise<Compared>>> = {
  async inventory({ storage, checks, nowMs }, bytes) {
    const { source, body } = await checks.run('snapshot', bytes);
    const { before, others } = await heldEntities(storage, nowMs(), source);
    const newest = await newestVersion(storage, 'inventory', source);
    const compared = await checks.run('inventoryComparison', { body, before, others });
    return { ...shape(compared), source, activeSince: newest ? iso(newest.asOfMs) : null };
  },
  async exporters({ storage, checks, nowMs }, bytes) {
    const { body } = await checks.run('registry', bytes);
    const newest = await newestDocument(storage, 'exporters');
    const ids = await idsOf(storage, nowMs());
    const compared = await checks.run('registryComparison', { body, before: newest?.body ?? '', ids });
    return { ...shape(compared), activeSince: newest ? iso(newest.recordedAtMs) : null };
  },
  async applications({ storage, checks }, bytes) {
    const { body, warnings } = await checks.run('applications', bytes);
    const newest = await newestDocument(storage, 'applications');
    const compared = await checks.run('applicationsComparison', { body, before: newest?.body ?? '' });
    return { ...shape(compared), warnings: [...warnings], activeSince: newest ? iso(newest.recordedAtMs) : null };
  },
  async alerts({ storage, checks }, bytes) {
    const { body } = await checks.run('alertRules', bytes);
    const newest = await newestAlertRules(storage);
    const compared = await checks.run('alertRulesComparison', { body, before: newest?.body ?? '' });
    return { ...shape(compared), activeSince: newest ? iso(Number(newest.version)) : null };
  },
};

function shape({ differences, missing }: Comparison): Pick<Answer, 'differences' | 'missing'> {
  return { differences: [...differences], missing: [...missing] };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
