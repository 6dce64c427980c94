// The recorded versions of the alert rules: read, listed, and a new one recorded behind the active one.

import type { Storage } from '../../storage/storage.ts';
import type { AlertRulesVersion } from '../../storage/tables/alert-rules.ts';
import { refuse } from '../http/problem.ts';
import type { RulesPutAnswer, RulesVersion } from './alert-rules-schemas.ts';
import type { CheckedAlertRules } from './check.ts';
import { recordVersion, VERSIONS_MAX } from './versions.ts';
import { SerialWriter } from './writer.ts';

export interface RulesWriter {
  insertRules(version: AlertRulesVersion): Promise<void>;
}

export interface RecordedRules {
  /** Empty where none was ever recorded. */
  readonly body: string;
  readonly version: string | null;
}

export class RuleVersions {
  readonly #storage: Storage;
  readonly #writer: SerialWriter<RulesWriter>;
  readonly #nowMs: () => number;

  constructor(storage: Storage, writer: RulesWriter | undefined, nowMs: () => number) {
    this.#storage = storage;
    this.#writer = new SerialWriter(writer);
    this.#nowMs = nowMs;
  }

  /** The newest version, or the one named. */
  async read(version?: string): Promise<RecordedRules> {
    const [row] = await this.#storage.select<{ body: string; at: string }>(
      `SELECT r.body AS body, toString(toUnixTimestamp64Milli(r.recordedAt)) AS at FROM alert_rules AS r
       WHERE {any:UInt8} = 1 OR r.recordedAt = fromUnixTimestamp64Milli({at:Int64}) ORDER BY r.recordedAt DESC LIMIT 1`,
      { any: version === undefined ? 1 : 0, at: version === undefined ? 0 : Date.parse(version) || 0 },
    );
    if (row) return { body: row.body, version: iso(row.at) };
    if (version !== undefined) refuse('version', `"${version}" is no version; GET /api/v1/alerts/rules lists them`);
    return { body: '', version: null };
  }

  async list(): Promise<RulesVersion[]> {
    const rows = await this.#storage.select<{ at: string; source: string; rules: string; bytes: string }>(
      `SELECT toString(toUnixTimestamp64Milli(r.recordedAt)) AS at, r.source AS source,
         toString(JSONLength(r.body, 'rules')) AS rules, toString(length(r.body)) AS bytes
       FROM alert_rules AS r ORDER BY r.recordedAt DESC LIMIT {limit:UInt32}`,
      { limit: VERSIONS_MAX },
    );
    return rows.map(({ at, source, rules, bytes }) => ({
      ...{ version: iso(at), source, rules: Number(rules), bytes: Number(bytes) },
    }));
  }

  /** Records the rules if the active document is still version `replaces`; nothing is recorded meanwhile. */
  record(checked: CheckedAlertRules, replaces: string | undefined): Promise<RulesPutAnswer> {
    return this.#writer.write(async writer => {
      const { version: active, body } = await this.read();
      const before =
        active === null
          ? undefined
          : { recordedAtMs: Date.parse(active), isSame: (next: CheckedAlertRules) => next.body === body };
      const { outcome, version } = await recordVersion(
        { active: before, replaces, nowMs: this.#nowMs() },
        () => checked,
        (next, recordedAtMs) => writer.insertRules({ recordedAtMs, source: 'api', body: next.body }),
      );
      return { outcome, version, rules: checked.rules };
    });
  }
}

function iso(ms: string): string {
  return new Date(Number(ms)).toISOString();
}
