// The data centre of `npm run demo`: a few bridges of different make, lively traffic without end, and at the start half
// an hour of the recent past, told late by the exporters that report flow times.
//
// No flow straddles a full minute and the feed rests just before it, so that the truth up to the last full minute can be
// compared with Hairpin to the byte while the demo goes on.

import { rename, writeFile } from 'node:fs/promises';
import type { Log } from '../../service/log.ts';
import { type Bridge, buildDataCentre, type ExportProtocol } from './data-centre.ts';
import { type Documents, documentsOf } from './documents.ts';
import { createFeed, type Feed } from './feed.ts';
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
  readonly protocols?: readonly ExportProtocol[];
  /** How much of the past is told first; Hairpin cuts what is older than `spanMsMax`. */
  readonly pastMinutes?: number;
}

export interface DemoContext {
  /** Ports for NetFlow, IPFIX and sFlow; the last one given stands for those left out. */
  readonly to: { readonly host: string; readonly ports: readonly number[] };
  /** Rewritten after every full minute. */
  readonly truthFile?: string;
  readonly log?: Log;
}

export interface Demo {
  readonly documents: Documents;
  /** Resolves when the past has been told. */
  readonly pastTold: Promise<void>;
  /** The truth up to the last full minute that is over. */
  truth(): Truth;
  stop(): Promise<void>;
}

const MINUTE_MS = 60_000;
/** Samples carry no time: none is on its way when a minute ends. */
const REST_BEFORE_MINUTE_MS = 300;
const FLUSH_EVERY_MS = 100;
const TIDE_EVERY_MS = 500;
const PAST_FLOWS_PER_S = 10_000;
/** A flow of the past stands for so many: it tells the same volume with fewer records. */
const PAST_SCALE = 8;
const INVENTORY_AGE_MS = 3_600_000;
const BUCKETS_MAX = 24;
const PORT_INDEX: Readonly<Record<ExportProtocol, number>> = { netflow5: 0, netflow9: 0, ipfix: 1, sflow5: 2 };

export async function startDemo(options: DemoOptions, { to, truthFile, log }: DemoContext): Promise<Demo> {
  const {
    seed = 1,
    bridges = 3,
    vms = 24,
    apps = 8,
    rate = 300,
    protocols = ['netflow9', 'ipfix', 'sflow5'],
    pastMinutes = 30,
  } = options;
  const dataCentre = buildDataCentre({ seed, bridges, vms, apps, protocols, sampling: 1 });
  const portOf = (bridge: Bridge) => to.ports[PORT_INDEX[bridge.protocol]] ?? to.ports.at(-1)!;
  const sender = await openSender(dataCentre.bridges, bridge => ({ host: to.host, port: portOf(bridge) }));
  const startMs = Date.now();
  const feed = createFeed({
    dataCentre,
    options: { seed, bridges, vms, apps, rate, protocols, pastMinutes },
    startMs,
    cutAtMinutes: true,
    bucketsMax: BUCKETS_MAX,
    send: sender.send,
  });
  const abort = new AbortController();
  let settled = feed.truth(minuteOf(startMs));
  let writing = Promise.resolve();

  /** Takes the truth as it is: all flows so far ended before `minute`. */
  const settle = (minute: number) => {
    settled = feed.truth(minute);
    if (truthFile === undefined) return;
    writing = writing
      .then(() => replaceFile(truthFile, JSON.stringify(settled)))
      .catch(error => log?.warn({ err: error }, 'the truth cannot be written'));
  };

  const pastTold = tellPast(feed, { startMs, flowsPerS: rate, minutes: pastMinutes, signal: abort.signal }).then(() =>
    settle(minuteOf(Date.now())),
  );
  const running = pastTold.then(() => keepTalking(feed, { flowsPerS: rate, signal: abort.signal, onMinute: settle }));
  return {
    documents: documentsOf(dataCentre, sender.exporterAddresses, new Date(startMs - INVENTORY_AGE_MS).toISOString()),
    pastTold,
    truth: () => settled,
    async stop() {
      abort.abort();
      await running;
      await writing;
      await sender.close();
    },
  };
}

const minuteOf = (ms: number) => ms - (ms % MINUTE_MS);

interface PastOptions {
  readonly startMs: number;
  readonly flowsPerS: number;
  readonly minutes: number;
  readonly signal: AbortSignal;
}

/** Flows that ended in the minutes before the present one, oldest first. */
async function tellPast(feed: Feed, { startMs, flowsPerS, minutes, signal }: PastOptions): Promise<void> {
  const total = Math.floor((minutes * 60 * flowsPerS * feed.timedShare) / PAST_SCALE);
  if (total === 0) return;
  const endMs = minuteOf(startMs);
  let told = 0;
  await pace({
    ratePerS: () => PAST_FLOWS_PER_S,
    seconds: total / PAST_FLOWS_PER_S,
    signal,
    work(count) {
      const atMs = Math.floor(endMs - minutes * MINUTE_MS * (1 - Math.min(told, total - 1) / total));
      feed.setTide(atMs);
      const done = feed.emit(count, { endMs: atMs, exportMs: Date.now(), scale: PAST_SCALE, isPast: true });
      told += done;
      return done;
    },
  });
  feed.flush(Date.now());
}

interface TalkOptions {
  readonly flowsPerS: number;
  readonly signal: AbortSignal;
  readonly onMinute: (minute: number) => void;
}

async function keepTalking(feed: Feed, { flowsPerS, signal, onMinute }: TalkOptions): Promise<void> {
  const isRestAt = (nowMs: number) => nowMs % MINUTE_MS >= MINUTE_MS - REST_BEFORE_MINUTE_MS;
  let minute = minuteOf(Date.now());
  let flushedAt = 0;
  let tideAt = Number.NEGATIVE_INFINITY;
  let hasRested = false;
  /** A machine that stalls over the whole rest leaves samples on their way: that minute is not settled. */
  const turnMinute = (nowMs: number) => {
    if (minuteOf(nowMs) === minute) return;
    minute = minuteOf(nowMs);
    if (hasRested) onMinute(minute);
    hasRested = false;
  };
  await pace({
    // Two waves that never meet twice in the same way.
    ratePerS: elapsed => flowsPerS * (1 + 0.3 * Math.sin(elapsed / 41_000) + 0.15 * Math.sin(elapsed / 7_300)),
    seconds: Number.POSITIVE_INFINITY,
    signal,
    work(count) {
      const nowMs = Date.now();
      turnMinute(nowMs);
      if (isRestAt(nowMs)) return count; // what falls due in the rest is never made
      return feed.emit(count, { endMs: nowMs, exportMs: nowMs });
    },
    onSlot(elapsed) {
      const nowMs = Date.now();
      turnMinute(nowMs);
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

/** Readers see the old file or the new one, never half of it. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
