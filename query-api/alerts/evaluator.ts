// Evaluates alert rules whenever a five-minute bucket has settled: each rule's question over a window that ends there, by the
// functions of the questions themselves, one rule after the other. Buckets that settle meanwhile are left out: the next
// evaluation is about the newest one. States are in memory and, after each evaluation, in ClickHouse.

import { durationMs } from '../../schemas/alert-rules.ts';
import { createThrottle, type Log } from '../../service/log.ts';
import type { Metrics } from '../../service/metrics.ts';
import { pause } from '../../service/retry.ts';
import { type Storage, StorageError } from '../../storage/storage.ts';
import { newestAlertRules } from '../../storage/tables/alert-rules.ts';
import { type AlertRow, type EvaluationRow, unfinishedAlerts } from '../../storage/tables/alerts.ts';
import { newestSettledMs } from '../questions/grouped.ts';
import type { QuestionDependencies } from '../questions/question.ts';
import { ReadLimit } from '../questions/read-limit.ts';
import { RecentSelects } from '../questions/recent-selects.ts';
import { remediesFor } from '../questions/remedies.ts';
import { RequestStorage } from '../questions/request-storage.ts';
import { readStoredUntil } from '../sql/history.ts';
import { definitionOf } from './alert.ts';
import { ALERTS_MAX, AlertBook } from './alert-book.ts';
import { type AlertCounters, openAlertMetrics } from './metrics.ts';
import { readRule } from './read-rule.ts';
import { alertRulesChecker, type ReadyRule, readyRule } from './rule-check.ts';
import { AlertWebhook, readWebhookToken, type WebhookOptions } from './webhook.ts';

const BUCKET_S = 300;
/** How often a newly settled bucket is looked for. */
const LOOK_MS = 5000;
const RULE_MS_MAX = 60_000;
/** An alert that ended longer ago is not sent by a process that starts. */
const ENDED_MS_MAX = 3_600_000;
const ERROR_LENGTH_MAX = 500;

/** Writes states; everything else the evaluator does is reading. */
export interface AlertWriter {
  insert(rows: readonly AlertRow[]): Promise<void>;
  insertEvaluations(rows: readonly EvaluationRow[]): Promise<void>;
}

export interface EvaluatorOptions extends QuestionDependencies {
  readonly writer: AlertWriter;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What a test chooses. */
  readonly webhookPauses?: WebhookOptions['pauses'];
  readonly alertsMax?: number;
}

/** A rule that cannot be evaluated, and why. */
interface Unready {
  readonly name: string;
  readonly error: string;
}

export class AlertEvaluator {
  readonly #options: EvaluatorOptions;
  readonly #book: AlertBook;
  readonly #counters: AlertCounters;
  readonly #limit: ReadLimit;
  readonly #recent: RecentSelects;
  readonly #webhook: AlertWebhook | undefined;
  readonly #stop = new AbortController();
  readonly #throttle = createThrottle(60_000);
  #running: Promise<void> | undefined;
  #isLoaded = false;
  /** End of the bucket that was evaluated last; 0 before. */
  #evaluatedMs = 0;
  #version: string | undefined;
  #rules: readonly (ReadyRule | Unready)[] = [];

  /** Throws ALERT_TOKEN_UNUSABLE. */
  constructor(options: EvaluatorOptions) {
    const { config, storage, metrics, nowMs, alertsMax = ALERTS_MAX, recent = new RecentSelects() } = options;
    readWebhookToken(config.alertWebhookToken);
    this.#options = options;
    this.#limit = new ReadLimit(storage, config.queryRowsMax);
    this.#recent = recent;
    this.#book = new AlertBook({
      notifies: config.alertWebhook !== '',
      max: alertsMax,
      count: what => this.#counters.add(what),
    });
    this.#counters = openAlertMetrics(metrics, this.#book, () =>
      this.#evaluatedMs === 0 ? undefined : (nowMs() - this.#evaluatedMs) / 1000,
    );
    this.#webhook = config.alertWebhook === '' ? undefined : this.#openWebhook();
  }

  start(): void {
    this.#webhook?.start();
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#running, this.#webhook?.stop()]);
  }

  /** Evaluates all rules if a bucket has settled since; resolves with the end of the bucket that was evaluated. */
  async look(): Promise<number | undefined> {
    const { storage, nowMs } = this.#options;
    if (!this.#isLoaded) await this.#load();
    const now = nowMs();
    // After a clock that was wrong.
    if (this.#evaluatedMs > now) this.#evaluatedMs = 0;
    // ClickHouse is not asked before the next bucket can have settled.
    const soonest = newestSettledMs(now, BUCKET_S, { config: this.#options.config, nowMs: now });
    const atMs = soonest > this.#evaluatedMs ? await this.#settledMs(now) : undefined;
    if (atMs === undefined || atMs <= this.#evaluatedMs) {
      await this.#store([]);
      return undefined;
    }
    await this.#readRules(storage);
    const evaluations: EvaluationRow[] = [];
    for (const rule of this.#rules) {
      if (this.#stop.signal.aborted) return undefined;
      evaluations.push(await this.#evaluate(rule, atMs));
    }
    this.#book.keepRules(new Set(evaluations.map(({ rule }) => rule)), atMs);
    this.#evaluatedMs = atMs;
    this.#counters.add('evaluations');
    await this.#store(evaluations);
    this.#webhook?.wake();
    return atMs;
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        this.#throttle('look', () => log.error({ err: error }, 'alert rules were not evaluated; tried again'));
      }
      await pause(LOOK_MS, signal);
    }
  }

  async #load(): Promise<void> {
    const { storage, nowMs } = this.#options;
    const rows = await unfinishedAlerts(storage, nowMs() - ENDED_MS_MAX, 2 * ALERTS_MAX);
    this.#book.restore(rows);
    this.#evaluatedMs = rows.reduce((newest, { evaluatedAtMs }) => Math.max(newest, evaluatedAtMs), 0);
    this.#isLoaded = true;
    this.#webhook?.wake();
  }

  /** Undefined where no collector says until when everything is stored: nothing is settled then. */
  async #settledMs(now: number): Promise<number | undefined> {
    const { storage, config } = this.#options;
    const { storedUntilMs } = await readStoredUntil(storage, now);
    return storedUntilMs === undefined ? undefined : newestSettledMs(storedUntilMs, BUCKET_S, { config, nowMs: now });
  }

  async #readRules(storage: Storage): Promise<void> {
    const newest = await newestAlertRules(storage);
    if (newest?.version === this.#version) return;
    const { rules } = alertRulesChecker.restore(newest?.body ?? '{}');
    this.#rules = rules.map(rule => {
      const { ready, faults } = readyRule(rule);
      return ready ?? { name: rule.name, error: faults.map(({ path, message }) => `${path} ${message}`).join('; ') };
    });
    this.#version = newest?.version;
  }

  async #evaluate(rule: ReadyRule | Unready, atMs: number): Promise<EvaluationRow> {
    if (!('rule' in rule)) {
      this.#counters.add('failures');
      this.#book.applyUnknown(rule.name, { atMs, windowMs: 0, forMs: 0 });
      // Who may see it is not known any more.
      return { rule: rule.name, requires: 'admin', evaluatedAtMs: atMs, rows: 0, truncated: false, error: rule.error };
    }
    const { name } = rule.rule;
    const moment = { atMs, windowMs: rule.windowMs, forMs: rule.forMs };
    const evaluated = { rule: name, requires: rule.right, evaluatedAtMs: atMs };
    try {
      const reading = await this.#read(rule, atMs);
      this.#book.apply(name, reading, definitionOf(rule.rule), moment);
      if (reading.truncated) this.#counters.add('truncated');
      return { ...evaluated, rows: reading.rows.size, truncated: reading.truncated, error: '' };
    } catch (error) {
      this.#counters.add('failures');
      this.#book.applyUnknown(name, moment);
      this.#throttle('rule', heldBack =>
        this.#options.log.warn(
          { heldBack },
          `the alert rule ${JSON.stringify(name)} was not evaluated; GET /api/v1/alerts says why`,
        ),
      );
      return { ...evaluated, rows: 0, truncated: false, error: reasonOf(error as Error) };
    }
  }

  /** The question as it would have been answered at the end of the bucket. */
  async #read(ready: ReadyRule, atMs: number) {
    const { storage, config, advisor, planner, installation } = this.#options;
    const late = AbortSignal.timeout(RULE_MS_MAX);
    const signal = AbortSignal.any([this.#stop.signal, late]);
    const window = { from: `now-${ready.rule.window}`, to: 'now' };
    const remedies = remediesFor({ ...ready.parameters, ...window }, atMs);
    const limited = new RequestStorage(storage, {
      ...{ signal, limit: this.#limit, recent: this.#recent, remedies },
    });
    const ended = new Promise<never>((_, reject) => {
      const end = () => reject(new Error(late.aborted ? `it took more than ${RULE_MS_MAX / 1000} s` : 'Hairpin stops'));
      signal.addEventListener('abort', end, { once: true });
    });
    ended.catch(() => {});
    const context = { storage: limited, config, advisor, planner, installation, nowMs: atMs };
    return Promise.race([readRule(ready, atMs, context), ended]);
  }

  async #store(evaluations: readonly EvaluationRow[]): Promise<void> {
    const { writer, log } = this.#options;
    const rows = this.#book.unstored();
    try {
      await Promise.all([writer.insert(rows), writer.insertEvaluations(evaluations)]);
      this.#book.markStored(rows);
    } catch (error) {
      this.#counters.add('storeFailures');
      this.#throttle('store', () => log.error({ err: error }, 'states of alerts are not stored; tried again'));
    }
  }

  #openWebhook(): AlertWebhook {
    const { config, log, nowMs, webhookPauses } = this.#options;
    return new AlertWebhook({
      url: config.alertWebhook,
      tokenFile: config.alertWebhookToken,
      externalUrl: config.alertExternalUrl || `http://${config.http}`,
      repeatMs: durationMs(config.alertRepeat) ?? 0,
      book: this.#book,
      onSent: () => this.#store([]),
      count: what => this.#counters.add(what),
      ...{ log, nowMs, ...(webhookPauses && { pauses: webhookPauses }) },
    });
  }
}

/** Errors of ClickHouse repeat their query; they are not shown. */
function reasonOf(error: Error): string {
  if (error instanceof StorageError) return `ClickHouse did not answer (code ${error.clickhouseCode})`;
  return error.message.slice(0, ERROR_LENGTH_MAX);
}
