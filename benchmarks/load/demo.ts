// The data centre of `npm run demo`: a few bridges of different make, lively traffic without end, and at the start half
// an hour of the recent past, reported late by the exporters that report flow times.
//
// No flow straddles a full five minutes and the feed rests just before them, so that the truth up to there can be
// compared with Hairpin to the byte while the demo goes on. Five, because traffic that no access port meters (clients
// outside) is decided per five minutes.

import type { Log } from '../../service/log.ts';
import { replaceText } from '../../service/replace-file.ts';
import { type Documents, documentsOf } from './documents.ts';
import { Feed } from './feed.ts';
import { type Bridge, buildDataCentre, type ExportProtocol } from './model/data-centre.ts';
import { pace } from './pace.ts';
import { openSender } from './sender.ts';
import type { Truth } from './truth.ts';

export interface DemoOptions {
  readonly seed?: number;
  readonly bridges?: number;
  readonly vms?: number;
  readonly apps?: number;
  /** Mean flows per second. */
  readonly rate?: number;
  /** Bridges take turns. */
  readonly protocols?: readonly ExportProtocol[];
  /** How much of the past is reported first; Hairpin cuts what is older than `spanMsMax`. */
  readonly pastMinutes?: number;
}

export interface DemoContext {
  /** Ports for NetFlow, IPFIX and sFlow; the last one given stands for those left out. */
  readonly to: { readonly host: string; readonly ports: readonly number[] };
  /** Takes the documents and may start the Hairpin that reads them; the first datagram waits for it. */
  readonly onDocuments?: (documents: Documents) => Promise<void>;
  /** Rewritten once the past is reported, after every full five minutes, and at the end. */
  readonly truthFile?: string;
  readonly log?: Log;
}

export interface Demo {
  /** Resolves when the past has been reported. */
  readonly pastReported: Promise<void>;
  /** The truth up to the last full five minutes; after `stop`, of everything. */
  truth(): Truth;
  /** Ends the traffic. */
  stop(): Promise<void>;
}

const PERIOD_MS = 300_000;
/** Samples carry no time: none is on its way when a period ends. */
const REST_BEFORE_PERIOD_MS = 300;
const FLUSH_EVERY_MS = 100;
const TIDE_EVERY_MS = 500;
const PAST_FLOWS_PER_S = 10_000;
/** A flow of the past stands for so many: it reports the same volume with fewer records. */
const PAST_SCALE = 8;
/** The inventory is older than any flow. */
const INVENTORY_AGE_MS = 3_600_000;
const BUCKETS_MAX = 24;
const PORT_INDEX: Readonly<Record<ExportProtocol, number>> = { netflow5: 0, netflow9: 0, ipfix: 1, sflow5: 2 };
const DEFAULTS = {
  seed: 1,
  bridges: 3,
  vms: 24,
  apps: 8,
  rate: 300,
  protocols: ['netflow9', 'ipfix', 'sflow5'],
  pastMinutes: 30,
} as const satisfies DemoOptions;

export async function startDemo(given: DemoOptions, { to, onDocuments, truthFile, log }: DemoContext): Promise<Demo> {
  const options = { ...DEFAULTS, ...given };
  const { rate, pastMinutes } = options;
  const dataCentre = buildDataCentre({ ...options, sampling: 1 });
  const portOf = (bridge: Bridge) => to.ports[PORT_INDEX[bridge.protocol]] ?? to.ports.at(-1)!;
  const sender = await openSender(dataCentre.bridges, bridge => ({ host: to.host, port: portOf(bridge) }));
  const documents = documentsOf(
    dataCentre,
    sender.exporterAddresses,
    new Date(Date.now() - INVENTORY_AGE_MS).toISOString(),
  );
  try {
    await onDocuments?.(documents);
  } catch (error) {
    await sender.close();
    throw error;
  }
  const startMs = Date.now();
  const feed = new Feed({
    dataCentre,
    options,
    startMs,
    cutEveryMs: PERIOD_MS,
    bucketsMax: BUCKETS_MAX,
    send: sender.send,
  });
  const abort = new AbortController();
  let settled = feed.truth(startMs);
  let writing = Promise.resolve();

  /** Takes the truth as it is: all flows so far ended before `toMs`. */
  const settle = (toMs?: number) => {
    settled = feed.truth(toMs);
    if (truthFile === undefined) return;
    const text = JSON.stringify(settled);
    writing = writing
      .then(() => replaceText(truthFile, text))
      .catch(error => log?.warn({ err: error }, 'the truth cannot be written'));
  };

  const report = (fromMs: number, toMs: number) =>
    reportPast(feed, { fromMs, toMs, flowsPerS: rate, signal: abort.signal });
  const pastReported = (async () => {
    await report(startMs - pastMinutes * 60_000, periodOf(startMs));
    settle(periodOf(startMs));
    await report(periodOf(startMs), startMs);
  })();
  const running = pastReported.then(() =>
    keepTalking(feed, { flowsPerS: rate, signal: abort.signal, onPeriod: settle }),
  );
  return {
    pastReported,
    truth: () => settled,
    async stop() {
      abort.abort();
      await running;
      settle();
      await writing;
      await sender.close();
    },
  };
}

const periodOf = (ms: number) => ms - (ms % PERIOD_MS);

interface PastOptions {
  readonly fromMs: number;
  readonly toMs: number;
  readonly flowsPerS: number;
  readonly signal: AbortSignal;
}

/** Flows that ended between two times, oldest first. */
async function reportPast(feed: Feed, { fromMs, toMs, flowsPerS, signal }: PastOptions): Promise<void> {
  const total = Math.floor((((toMs - fromMs) / 1000) * flowsPerS * feed.timedShare) / PAST_SCALE);
  if (total <= 0) return;
  let reported = 0;
  await pace({
    ratePerS: () => PAST_FLOWS_PER_S,
    seconds: total / PAST_FLOWS_PER_S,
    signal,
    work(count) {
      const atMs = Math.floor(fromMs + ((toMs - fromMs) * Math.min(reported, total - 1)) / total);
      feed.setTide(atMs);
      // A few flows at a time, or their ends would bunch up.
      const done = feed.emit(Math.min(count, 4), {
        endMs: atMs,
        exportMs: Date.now(),
        scale: PAST_SCALE,
        isPast: true,
      });
      reported += done;
      return done;
    },
  });
  feed.flush(Date.now());
}

interface TalkOptions {
  readonly flowsPerS: number;
  readonly signal: AbortSignal;
  readonly onPeriod: (startMs: number) => void;
}

async function keepTalking(feed: Feed, { flowsPerS, signal, onPeriod }: TalkOptions): Promise<void> {
  const isRestAt = (nowMs: number) => nowMs % PERIOD_MS >= PERIOD_MS - REST_BEFORE_PERIOD_MS;
  let period = periodOf(Date.now());
  let flushedAt = 0;
  let tideAt = Number.NEGATIVE_INFINITY;
  let hasRested = false;
  /** A machine that stalls over the whole rest leaves samples on their way: that period is not settled. */
  const turnPeriod = (nowMs: number) => {
    if (periodOf(nowMs) === period) return;
    period = periodOf(nowMs);
    if (hasRested) onPeriod(period);
    hasRested = false;
  };
  await pace({
    // Two waves that never meet twice in the same way.
    ratePerS: elapsed => flowsPerS * (1 + 0.3 * Math.sin(elapsed / 41_000) + 0.15 * Math.sin(elapsed / 7300)),
    seconds: Number.POSITIVE_INFINITY,
    signal,
    work(count) {
      const nowMs = Date.now();
      turnPeriod(nowMs);
      if (isRestAt(nowMs)) return count; // what falls due in the rest is never made
      return feed.emit(count, { endMs: nowMs, exportMs: nowMs });
    },
    onSlot(elapsed) {
      const nowMs = Date.now();
      turnPeriod(nowMs);
      if (elapsed - tideAt >= TIDE_EVERY_MS) {
        tideAt = elapsed;
        feed.setTide(nowMs);
      }
      const beginsRest = isRestAt(nowMs) && !hasRested;
      if (beginsRest) hasRested = true;
      if (!beginsRest && elapsed - flushedAt < FLUSH_EVERY_MS) return;
      flushedAt = elapsed;
      feed.flush(nowMs);
    },
  });
  feed.flush(Date.now());
}
