// PUT /api/v1/inventory/snapshots takes a snapshot whole, GET lists the snapshots of each source. A snapshot has two times: the one
// it describes (`asOf`) and the one it came. Reported again unchanged, as of a later time, it is a heartbeat: the version in
// force is confirmed, and no new one made.

import { type Static, Type } from 'typebox';
import { DocumentError } from '../../schemas/documents.ts';
import { closed } from '../answers/answers.ts';
import { ProblemDocument } from '../http/problem.ts';
import { DOCUMENT_ADDRESSES, type Routes } from '../http/routes.ts';
import { ENTITY_KINDS } from './check.ts';
import { AHEAD_MS_MAX } from './entities.ts';
import { confirmations, inventoryVersions, newestVersion, type RecordedVersion } from './recorded.ts';
import type { DocumentDependencies, SerialWriter } from './writer.ts';

const VERSIONS_MAX = 1000;

const Counts = Type.Object(Object.fromEntries(ENTITY_KINDS.map(kind => [kind, Type.Integer()])), {
  ...closed,
  description: 'entities of each kind',
});

const PutParameters = Type.Object(
  {
    correction: Type.Boolean({
      default: false,
      description:
        'take a state of the past: one as of a time for which the source has reported another, or a later one, already',
    }),
  },
  closed,
);

const PutAnswer = Type.Object(
  {
    outcome: Type.Enum(['recorded', 'confirmed', 'known'], {
      description:
        'recorded: a new version; confirmed: known before, now valid until asOf; known: nothing that was not recorded',
    }),
    source: Type.String(),
    asOf: Type.String({ format: 'date-time' }),
    recordedAt: Type.String({ format: 'date-time' }),
    complete: Type.Array(Type.String()),
    counts: Counts,
    warnings: Type.Array(Type.Object({ path: Type.String(), message: Type.String() }, closed)),
  },
  closed,
);
type PutAnswer = Static<typeof PutAnswer>;

const Version = Type.Object(
  {
    asOf: Type.String({ format: 'date-time', description: 'time that it describes' }),
    recordedAt: Type.String({ format: 'date-time', description: 'time that it came' }),
    bytes: Type.Integer(),
    complete: Type.Array(Type.String(), { description: 'kinds it lists in full' }),
    counts: Counts,
  },
  closed,
);
const Sources = Type.Object(
  {
    sources: Type.Array(
      Type.Object(
        {
          source: Type.String(),
          confirmedUntil: Type.String({ format: 'date-time', description: 'asOf of its newest snapshot or heartbeat' }),
          stale: Type.Boolean({ description: 'no snapshot for `inventoryStaleMs`: its facts are marked stale' }),
          versions: Type.Array(Version, { description: 'the newest first' }),
        },
        closed,
      ),
    ),
  },
  closed,
);

const ListParameters = Type.Object(
  {
    limit: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: VERSIONS_MAX,
      description: 'versions listed of each source',
    }),
  },
  closed,
);

export function registerSnapshots(app: Routes, dependencies: DocumentDependencies, writer: SerialWriter): void {
  registerSend(app, dependencies, writer);
  registerList(app, dependencies);
}

function registerSend(
  app: Routes,
  { storage, nowMs, config, checks }: DocumentDependencies,
  writer: SerialWriter,
): void {
  const schema = {
    summary: 'Send an inventory snapshot (JSON or YAML; gzip with Content-Encoding: gzip)',
    tags: ['documents'],
    querystring: PutParameters,
    response: {
      200: PutAnswer,
      201: PutAnswer,
      413: ProblemDocument,
      415: ProblemDocument,
      422: ProblemDocument,
      503: ProblemDocument,
    },
  };
  app.put<{ Querystring: Static<typeof PutParameters>; Body: Buffer<ArrayBuffer> }>(
    '/api/v1/inventory/snapshots',
    { config: { right: 'inventory' }, bodyLimit: config.snapshotBytesMax, schema },
    async (request, reply) => {
      const { source, asOfMs, complete, counts, content, body } = await checks.run('snapshot', request.body);
      const answer = await writer.write(async (documents): Promise<PutAnswer> => {
        const now = nowMs();
        const newest = await newestVersion(storage, 'inventory', source);
        const step = stepOf(newest, { asOfMs, content }, { now, correction: request.query.correction, source });
        if (step.outcome === 'recorded')
          await documents.insert({ kind: 'inventory', recordedAtMs: now, asOfMs, source, body });
        if (step.outcome === 'confirmed')
          await documents.insertHeartbeat({ kind: 'inventory', source, asOfMs, recordedAtMs: now });
        const times = { asOf: iso(asOfMs), recordedAt: iso(now) };
        return { ...step, source, ...times, complete: [...complete], counts: { ...counts } };
      });
      return reply.status(answer.outcome === 'recorded' ? 201 : 200).send(answer);
    },
  );
}

function registerList(app: Routes, { storage, nowMs, config }: DocumentDependencies): void {
  const schema = {
    summary: 'Snapshots of each inventory source, with their times',
    tags: ['documents'],
    querystring: ListParameters,
    response: { 200: Sources, 503: ProblemDocument },
  };
  app.get<{ Querystring: Static<typeof ListParameters> }>(
    '/api/v1/inventory/snapshots',
    { config: { right: 'read', addresses: DOCUMENT_ADDRESSES }, schema },
    async request => {
      const now = nowMs();
      const ahead = now + AHEAD_MS_MAX;
      const [versions, confirmed] = await Promise.all([
        inventoryVersions(storage, ahead, request.query.limit),
        confirmations(storage, ahead),
      ]);
      const bySource = Map.groupBy(versions, ({ source }) => source);
      return {
        sources: [...bySource].map(([source, own]) => {
          const until = Math.max(confirmed.get(source) ?? 0, ...own.map(({ asOfMs }) => asOfMs));
          return describe(source, own, until, now - until >= config.inventoryStaleMs);
        }),
      };
    },
  );
}

/** What a snapshot means after what its source sent before. Throws a DocumentError. */
export function stepOf(
  newest: { readonly asOfMs: number; readonly confirmedMs: number; readonly content: string } | undefined,
  { asOfMs, content }: { readonly asOfMs: number; readonly content: string },
  { now, correction, source }: { readonly now: number; readonly correction: boolean; readonly source: string },
): Pick<PutAnswer, 'outcome' | 'warnings'> {
  const refuse = (message: string) => {
    throw new DocumentError('the snapshot', [{ path: '/asOf', message }]);
  };
  if (asOfMs > now + AHEAD_MS_MAX) refuse(`lies in the future: it is ${iso(now)} here; set the clock of the source`);
  if (!newest) return { outcome: 'recorded', warnings: [] };
  const same = newest.content === content;
  if (same && asOfMs > newest.confirmedMs) return { outcome: 'confirmed', warnings: [] };
  if (same && asOfMs >= newest.asOfMs) return { outcome: 'known', warnings: [] };
  if (asOfMs > newest.confirmedMs) return { outcome: 'recorded', warnings: [] };
  if (!correction)
    refuse(
      `moves "${source}" into the past: it has reported what holds at ${iso(newest.confirmedMs)} already; send it with ?correction=true if that was wrong`,
    );
  const message = `is of the past: run "hairpin reenrich --from ${iso(asOfMs)}" to join the flows since then with it`;
  return { outcome: 'recorded', warnings: [{ path: '/asOf', message }] };
}

function describe(source: string, own: readonly RecordedVersion[], confirmedMs: number, stale: boolean) {
  return {
    source,
    confirmedUntil: iso(confirmedMs),
    stale,
    versions: own.map(({ asOfMs, recordedAtMs, bytes, complete, counts }) => ({
      asOf: iso(asOfMs),
      recordedAt: iso(recordedAtMs),
      bytes,
      complete: [...complete],
      counts: { ...counts },
    })),
  };
}

const iso = (ms: number) => new Date(ms).toISOString();
