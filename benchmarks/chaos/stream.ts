// Numbered load on one collector, until it is asked to stop, and the ledger of what was sent.

import { Feed } from '../load/feed.ts';
import { dataCentreOf } from '../load/load.ts';
import { parseLoadOptions } from '../load/options.ts';
import { pace } from '../load/pace.ts';
import { openSender } from '../load/sender.ts';
import { createLedger, type Ledger } from './ledger.ts';

export interface StreamOptions {
  readonly udpPort: number;
  readonly protocol: string;
  readonly rate: number;
  readonly seed: number;
}

export interface Stream {
  readonly protocol: string;
  readonly ledger: Ledger;
  stop(): Promise<void>;
}

const FLUSH_EVERY_MS = 100;
/** A sender that overruns the second or third day has other troubles. */
const SECONDS_MAX = 200_000;

export async function startStream({ udpPort, protocol, rate, seed }: StreamOptions): Promise<Stream> {
  const to = `127.0.0.1:${udpPort}`;
  const options = parseLoadOptions({ to, scenario: 'numbered', protocol, rate, seed });
  const dataCentre = dataCentreOf(options);
  const sender = await openSender(dataCentre.bridges, () => ({ host: '127.0.0.1', port: udpPort }));
  const ledger = createLedger();
  const abort = new AbortController();
  const feed = new Feed({
    dataCentre,
    options,
    startMs: Date.now(),
    numbered: true,
    send: sender.send,
    onNumbers: numbers => ledger.add(numbers, Date.now()),
  });
  let flushedAt = 0;
  const running = pace({
    ratePerS: () => rate,
    seconds: SECONDS_MAX,
    signal: abort.signal,
    work(count) {
      const nowMs = Date.now();
      return feed.emit(count, { endMs: nowMs, exportMs: nowMs });
    },
    onSlot(elapsed) {
      if (elapsed - flushedAt < FLUSH_EVERY_MS) return;
      flushedAt = elapsed;
      feed.flush(Date.now());
    },
  });
  return {
    protocol,
    ledger,
    async stop() {
      abort.abort();
      await running;
      feed.flush(Date.now());
      await sender.close();
    },
  };
}
