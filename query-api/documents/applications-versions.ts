// The recorded versions of the applications document: read, listed, and a new one recorded behind the active one. Documents
// stay the texts that are recorded.

import type { Storage } from '../../storage/storage.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import { refuse } from '../http/problem.ts';
import type { PutAnswer, Version } from './applications-schemas.ts';
import type { CheckedApplications } from './check.ts';
import { newestDigest } from './recorded.ts';
import { recordVersion, VERSIONS_MAX } from './versions.ts';
import { SerialWriter } from './writer.ts';

export interface RecordedApplications {
  /** The document as it is recorded; empty where none ever was. */
  readonly body: string;
  /** Null: none was ever recorded. */
  readonly version: string | null;
  readonly source: string | null;
}

export interface ApplicationsWriter {
  insert(version: DocumentVersion): Promise<void>;
}

export class ApplicationsVersions {
  readonly #storage: Storage;
  readonly #writer: SerialWriter<ApplicationsWriter>;
  readonly #nowMs: () => number;

  constructor(storage: Storage, writer: ApplicationsWriter | undefined, nowMs: () => number) {
    this.#storage = storage;
    this.#writer = new SerialWriter(writer);
    this.#nowMs = nowMs;
  }

  read(version?: string): Promise<RecordedApplications> {
    return recorded(this.#storage, version);
  }

  list(): Promise<Version[]> {
    return versionsOf(this.#storage);
  }

  /** Records what `make` returns, if the active document is still version `replaces`; nothing is recorded meanwhile. */
  record(
    make: () => CheckedApplications | Promise<CheckedApplications>,
    replaces: string | undefined,
  ): Promise<PutAnswer> {
    return this.#writer.write(async writer => {
      const active = await newestDigest(this.#storage, 'applications');
      const before = active && { ...active, isSame: ({ digest }: CheckedApplications) => digest === active.digest };
      const { outcome, version, document } = await recordVersion(
        { active: before, replaces, nowMs: this.#nowMs() },
        make,
        ({ body }, recordedAtMs) =>
          writer.insert({ kind: 'applications', recordedAtMs, asOfMs: 0, source: 'api', body }),
      );
      const { applications, warnings } = document;
      return { outcome, version, applications, warnings: [...warnings] };
    });
  }
}

/** The newest version, or the one named. */
async function recorded(storage: Storage, version?: string): Promise<RecordedApplications> {
  const [row] = await storage.select<{ body: string; at: string; source: string }>(
    `SELECT body, source, toString(toUnixTimestamp64Milli(d.recordedAt)) AS at FROM documents AS d WHERE kind = 'applications'
    ${version === undefined ? '' : 'AND d.recordedAt = fromUnixTimestamp64Milli({at:Int64})'} ORDER BY d.recordedAt DESC LIMIT 1`,
    version === undefined ? {} : { at: Date.parse(version) || 0 },
  );
  if (row) return { body: row.body, version: new Date(Number(row.at)).toISOString(), source: row.source };
  if (version !== undefined) refuse('version', `"${version}" is no version; GET /api/v1/applications lists them`);
  return { body: '', version: null, source: null };
}

async function versionsOf(storage: Storage): Promise<Version[]> {
  const rows = await storage.select<{ at: string; source: string; applications: string; bytes: string }>(
    `SELECT toString(toUnixTimestamp64Milli(d.recordedAt)) AS at, source, toString(JSONLength(body, 'applications')) AS applications,
      toString(length(body)) AS bytes
    FROM documents AS d WHERE kind = 'applications' ORDER BY d.recordedAt DESC LIMIT ${VERSIONS_MAX}`,
  );
  return rows.map(({ at, source, applications, bytes }) => ({
    version: new Date(Number(at)).toISOString(),
    source,
    applications: Number(applications),
    bytes: Number(bytes),
  }));
}
