// Sends alerts to one URL. Nothing is queued: what must be sent follows from the alerts themselves (AlertBook.due), so a
// message that failed is tried again with what holds then, and what is waiting has the bound of the alerts.

import { readFileSync } from 'node:fs';
import { HairpinError } from '../../service/errors.ts';
import { createThrottle, type Log } from '../../service/log.ts';
import { Backoff, pause } from '../../service/retry.ts';
import type { AlertBook, AlertGroup } from './alert-book.ts';
import { PAYLOAD_ALERTS_MAX, payloadOf } from './payload.ts';

const SEND_MS_MAX = 10_000;
const PAUSES = { pauseMsMin: 1000, pauseMsMax: 300_000 };
/** Repetitions are looked for so often; changes are sent at once. */
const LOOK_MS = 30_000;
const TOKEN_LENGTH_MAX = 4096;

export interface WebhookOptions {
  readonly url: string;
  /** Empty: no token is sent. It is read again for each message. */
  readonly tokenFile: string;
  readonly externalUrl: string;
  readonly repeatMs: number;
  readonly book: AlertBook;
  readonly log: Log;
  readonly nowMs: () => number;
  /** Stores that these were sent. */
  readonly onSent: () => Promise<void>;
  readonly count: (what: 'webhookDeliveries' | 'webhookFailures' | 'webhookRefused') => void;
  readonly pauses?: { readonly pauseMsMin: number; readonly pauseMsMax: number };
}

/** The receiver does not accept this message, and would not accept it the next time. */
class Refused extends Error {}

export class AlertWebhook {
  readonly #options: WebhookOptions;
  readonly #stop = new AbortController();
  readonly #throttle = createThrottle(60_000);
  readonly #backoff: Backoff;
  #wake = new AbortController();
  #running: Promise<void> | undefined;
  /** The rule that was tried last: after a failure the next one has its turn. */
  #last = '';

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.pauses ?? PAUSES);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Looks at once for what must be sent. */
  wake(): void {
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const group = this.#next();
      if (group) await pause(await this.#deliver(group), signal);
      else {
        this.#wake = new AbortController();
        await pause(LOOK_MS, AbortSignal.any([signal, this.#wake.signal]));
      }
    }
  }

  #next(): AlertGroup | undefined {
    const { book, nowMs, repeatMs } = this.#options;
    const groups = book.due(nowMs(), repeatMs);
    return groups.find(({ rule }) => rule > this.#last) ?? groups[0];
  }

  /** Milliseconds to wait before the next message. */
  async #deliver(group: AlertGroup): Promise<number> {
    const { book, nowMs, log, url, onSent, count } = this.#options;
    const sent = group.alerts.slice(0, PAYLOAD_ALERTS_MAX);
    this.#last = group.rule;
    try {
      await this.#post(group);
      count('webhookDeliveries');
    } catch (error) {
      if (this.#stop.signal.aborted) return 0;
      count('webhookFailures');
      const isRefused = error instanceof Refused;
      const what = `alerts of the rule ${JSON.stringify(group.rule)} were not delivered to ${originOf(url)}: ${(error as Error).message}`;
      this.#throttle(isRefused ? 'refused' : 'failed', heldBack =>
        log.error(
          { heldBack },
          `${what}; ${isRefused ? 'they are sent again when they change or repeat' : 'tried again'}`,
        ),
      );
      if (!isRefused) return this.#backoff.take();
      count('webhookRefused');
    }
    this.#backoff.reset();
    book.markNotified(sent, nowMs());
    await onSent();
    return 0;
  }

  async #post(group: AlertGroup): Promise<void> {
    const { url, tokenFile, externalUrl } = this.#options;
    const token = readWebhookToken(tokenFile);
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(payloadOf(group, externalUrl)),
      // The token is for this address alone.
      redirect: 'error',
      signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(SEND_MS_MAX)]),
    }).catch((error: unknown) => {
      // `fetch failed` says nothing; its cause does. The URL, which may hold a secret, is in neither.
      const { cause, name } = error as Error;
      throw new Error(cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : name);
    });
    await response.body?.cancel();
    if (response.ok) return;
    const { status } = response;
    if (status >= 400 && status < 500 && ![401, 403, 404, 408, 429].includes(status))
      throw new Refused(`it was answered with status ${status}`);
    throw new Error(`it was answered with status ${status}`);
  }
}

/** Throws ALERT_TOKEN_UNUSABLE. Empty where no file is named. */
export function readWebhookToken(file: string): string {
  if (file === '') return '';
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw unusable(`cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  if (text.length === 0 || text.length > TOKEN_LENGTH_MAX || /[^\x21-\x7e]/.test(text))
    throw unusable(`must hold one token of visible ASCII characters, at most ${TOKEN_LENGTH_MAX}`);
  return text;
}

function unusable(message: string): HairpinError {
  return new HairpinError('ALERT_TOKEN_UNUSABLE', `--alert-webhook-token ${message}`);
}

/** The path of such URLs is often a secret. */
function originOf(url: string): string {
  return new URL(url).origin;
}
