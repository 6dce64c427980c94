// The recorded versions of the applications document: read, listed, and a new one recorded behind the active one.

import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { applicationsWarnings } from '../../schemas/applications-warnings.ts';
import type { Storage } from '../../storage/storage.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import { HttpProblem, refuse } from '../http/problem.ts';
import type { PutAnswer, Version } from './applications-schemas.ts';
import { SerialWriter } from './writer.ts';

const VERSIONS_MAX = 100;

export interface RecordedApplications {
  readonly document: Applications;
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

  /** Records what `change` makes of the active document, if that is still version `replaces`. */
  record(change: (active: Applications) => Applications, replaces: string | undefined): Promise<PutAnswer> {
    return this.#writer.write(async writer => {
      const active = await this.read();
      if (replaces !== undefined && replaces !== active.version)
        throw new HttpProblem(
          409,
          'version-replaced',
          `the active version is ${active.version ?? 'none'}, not ${replaces}; read it and try again`,
        );
      return this.#insert(writer, change(active.document), active);
    });
  }

  async #insert(writer: ApplicationsWriter, document: Applications, active: RecordedApplications): Promise<PutAnswer> {
    const body = JSON.stringify(document);
    const answer = { applications: document.applications.length, warnings: applicationsWarnings(document) };
    if (active.version !== null && body === JSON.stringify(active.document))
      return { outcome: 'unchanged', version: active.version, ...answer };
    // A version is named by its time: never the same as, or before, the one that is replaced.
    const recordedAtMs = Math.max(this.#nowMs(), active.version === null ? 0 : Date.parse(active.version) + 1);
    await writer.insert({ kind: 'applications', recordedAtMs, asOfMs: 0, source: 'api', body });
    return { outcome: 'recorded', version: new Date(recordedAtMs).toISOString(), ...answer };
  }
}

/** The newest version, or the one named; where none was ever recorded, the empty document. */
async function recorded(storage: Storage, version?: string): Promise<RecordedApplications> {
  const [row] = await storage.select<{ body: string; at: string; source: string }>(
    `SELECT body, source, toString(toUnixTimestamp64Milli(d.recordedAt)) AS at FROM documents AS d WHERE kind = 'applications'
    ${version === undefined ? '' : 'AND d.recordedAt = fromUnixTimestamp64Milli({at:Int64})'} ORDER BY d.recordedAt DESC LIMIT 1`,
    version === undefined ? {} : { at: Date.parse(version) || 0 },
  );
  if (row)
    return {
      document: applicationsChecker.check('the recorded document', JSON.parse(row.body)),
      version: new Date(Number(row.at)).toISOString(),
      source: row.source,
    };
  if (version !== undefined) refuse('version', `"${version}" is no version; GET /api/v1/applications lists them`);
  return { document: applicationsChecker.check('no document', {}), version: null, source: null };
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
