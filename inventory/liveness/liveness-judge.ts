// Decides from the stored minutes which registered exporters have fallen silent or returned, and records the changes
// (storage/tables/liveness.ts). One of several enrichers does it at a time: the leader of the scheduled roll-up. Two at once
// record the same.
//
// It looks back over two hours, and over HORIZON_MS when it begins and whenever older minutes are stored, as after a backlog:
// they correct what was recorded. A silence is recorded once it was found again CONFIRM_MS later, so that minutes that
// collectors deliver side by side do not make one exporter silent because another's came first.

import type { Log } from '../../service/log.ts';
import type { Storage } from '../../storage/storage.ts';
import { insertLiveness, type LivenessRow, livenessSince, unsettledLiveness } from '../../storage/tables/liveness.ts';
import { keyText } from '../model/liveness.ts';
import { HORIZON_MS } from '../sources/source.ts';
import { activitySince, oldestMinuteStored } from './activity.ts';
import { liveSince, StoredFirstFlows } from './beginning.ts';
import { ACTIVE_TIMEOUT_MS, decide, timeoutOf } from './decision.ts';
import type { Evidence } from './evidence.ts';
import { receivingMinutes } from './receiving.ts';
import { type Registration, Registrations } from './registrations.ts';
import { MINUTE_MS } from './transitions.ts';

const WINDOW_MS = 2 * 3_600_000;
const CONFIRM_MS = 15_000;
/** What was stored within this time may not have been there the last time. */
const STORED_BACK_S = 120;

export interface LivenessJudgeOptions {
  readonly storage: Storage;
  readonly log: Log;
  /** The clock of what collectors receive, and how much faster than the wall clock it runs. */
  readonly nowMs: () => number;
  readonly speed?: number;
  /** How long before receipt a flow may have begun. */
  readonly spanMsMax: number;
  readonly confirmMs?: number;
}

export class LivenessJudge {
  readonly #options: LivenessJudgeOptions;
  readonly #registrations: Registrations;
  readonly #firstFlows: StoredFirstFlows;
  /** Silences found and not recorded yet, and when they were found first, by the wall clock. */
  #suspected = new Map<string, number>();
  #hasBegun = false;

  constructor(options: LivenessJudgeOptions) {
    this.#options = options;
    this.#registrations = new Registrations(options.storage);
    this.#firstFlows = new StoredFirstFlows(options.storage);
  }

  /** Records what has changed; resolves to the rows. */
  async run(): Promise<readonly LivenessRow[]> {
    const { storage, log, nowMs } = this.#options;
    const registrations = await this.#registrations.at(nowMs());
    if (registrations.length === 0) return [];
    const evidence = await this.#examine(registrations);
    const suspected = new Map<string, number>();
    const decide = () => registrations.flatMap(registration => this.#decide(registration, evidence, suspected));
    let decided = decide();
    // Which minutes are to be read is known once it is decided without them.
    if (await this.#firstFlows.read()) decided = decide();
    this.#suspected = suspected;
    const rows = await withUnsettledSpans(storage, decided);
    await insertLiveness(storage, rows);
    for (const { exporter, domain, protocol, atMs, state } of rows)
      log.info(
        { exporter, domain, protocol, at: new Date(atMs).toISOString(), state },
        'recorded liveness of an exporter',
      );
    this.#hasBegun = true;
    return rows;
  }

  /** The next run looks back as far as the first one. */
  forget(): void {
    this.#hasBegun = false;
  }

  async #examine(registrations: readonly Registration[]): Promise<Evidence> {
    const { storage, nowMs, spanMsMax } = this.#options;
    const longest = registrations.reduce((most, { entry }) => Math.max(most, timeoutOf(entry)), ACTIVE_TIMEOUT_MS);
    const windowMs = WINDOW_MS + 6 * longest;
    const recentMs = nowMs() - windowMs;
    const oldest = this.#hasBegun ? await oldestMinuteStored(storage, nowMs() - HORIZON_MS, STORED_BACK_S) : undefined;
    const isWhole = !this.#hasBegun || (oldest !== undefined && oldest < nowMs() - windowMs / 2);
    const fromMs = Math.floor((isWhole ? nowMs() - Math.max(HORIZON_MS, windowMs) : recentMs) / MINUTE_MS) * MINUTE_MS;
    const [activity, receiving, recorded] = await Promise.all([
      activitySince(storage, fromMs),
      receivingMinutes(storage, fromMs),
      livenessSince(storage, fromMs - HORIZON_MS),
    ]);
    const known = {
      fromMs,
      activity: Map.groupBy(activity, ({ exporter }) => exporter),
      recorded: Map.groupBy(recorded, keyText),
    };
    const liveMs = liveSince(registrations, known, spanMsMax);
    return { ...known, nowMs: nowMs(), receiving, liveMs, firstFlows: this.#firstFlows.earliest };
  }

  #decide(registration: Registration, evidence: Evidence, suspected: Map<string, number>): LivenessRow[] {
    const { spanMsMax, speed = 1 } = this.#options;
    return decide(registration, evidence, { spanMsMax, speed }, ({ atMs }) =>
      this.#isConfirmed(`${keyText(registration.key)} ${atMs}`, suspected),
    );
  }

  #isConfirmed(silence: string, suspected: Map<string, number>): boolean {
    const { confirmMs = CONFIRM_MS } = this.#options;
    const sinceMs = this.#suspected.get(silence) ?? performance.now();
    suspected.set(silence, sinceMs);
    return performance.now() - sinceMs >= confirmMs;
  }
}

/** A decision replaces one of the same moment. Where that one is not settled, what it was to put right is still to be. */
async function withUnsettledSpans(storage: Storage, rows: readonly LivenessRow[]): Promise<readonly LivenessRow[]> {
  if (rows.length === 0) return rows;
  const textOf = (row: LivenessRow) => `${keyText(row)} ${row.atMs}`;
  const unsettled = new Map((await unsettledLiveness(storage, 0)).map(row => [textOf(row), row]));
  return rows.map(row => {
    const { changedFromMs, changedUntilMs } = unsettled.get(textOf(row)) ?? row;
    return {
      ...row,
      changedFromMs: Math.min(changedFromMs, row.changedFromMs),
      changedUntilMs: Math.max(changedUntilMs, row.changedUntilMs),
    };
  });
}
