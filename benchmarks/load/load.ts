// `hairpin load`: a simulated data centre sends real datagrams at a steady rate, and what it sent is written down.

import { parseHostPort } from '../../schemas/host-port.ts';
import type { Log } from '../../service/log.ts';
import { replaceText } from '../../service/replace-file.ts';
import { type Documents, documentsOf, writeDocuments } from './documents.ts';
import { Feed, type FeedCounts } from './feed.ts';
import { buildDataCentre, type DataCentre } from './model/data-centre.ts';
import type { LoadOptions } from './options.ts';
import { pace } from './pace.ts';
import { openSender } from './sender.ts';
import type { Truth } from './truth.ts';

export interface LoadProgress extends Readonly<FeedCounts> {
  readonly elapsedS: number;
  /** Flows that are due but not made: the machine is too slow for the rate. */
  readonly behind: number;
}

export interface LoadSummary extends LoadProgress {
  readonly flowsPerS: number;
  readonly recordsPerS: number;
  /** Datagrams the kernel refused. */
  readonly sendErrors: number;
  readonly truth: Truth;
  readonly documents: Documents;
}

export interface LoadContext {
  readonly signal?: AbortSignal;
  /** Called about once a second. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Called with the path of each file that was written. */
  readonly onWritten?: (path: string) => void;
  readonly log?: Log;
}

const FLUSH_EVERY_MS = 100;
const PROGRESS_EVERY_MS = 1000;
/** The inventory is older than any flow. */
const INVENTORY_AGE_MS = 3_600_000;

export function dataCentreOf(options: LoadOptions): DataCentre {
  return buildDataCentre({ ...options, protocols: options.protocol });
}

export async function runLoad(
  options: LoadOptions,
  { signal = new AbortController().signal, onProgress, onWritten, log }: LoadContext = {},
): Promise<LoadSummary> {
  const dataCentre = dataCentreOf(options);
  const target = parseHostPort(options.to);
  const sender = await openSender(dataCentre.bridges, () => target);
  try {
    const startMs = Date.now();
    const documents = documentsOf(
      dataCentre,
      sender.exporterAddresses,
      new Date(startMs - INVENTORY_AGE_MS).toISOString(),
    );
    if (options.documents !== '') for (const path of writeDocuments(options.documents, documents)) onWritten?.(path);
    const feed = new Feed({
      dataCentre,
      options,
      startMs,
      loss: options.loss,
      numbered: options.scenario === 'numbered',
      send: sender.send,
    });
    let flushedAt = 0;
    let reportedAt = 0;
    let behind = 0;
    const elapsedMs = await pace({
      ratePerS: () => options.rate,
      seconds: options.seconds,
      signal,
      work(count) {
        const nowMs = Date.now();
        return feed.emit(count, { endMs: nowMs, exportMs: nowMs });
      },
      onSlot(elapsed, due) {
        behind = Math.floor(due);
        if (elapsed - flushedAt >= FLUSH_EVERY_MS) {
          flushedAt = elapsed;
          feed.flush(Date.now());
        }
        if (elapsed - reportedAt >= PROGRESS_EVERY_MS) {
          reportedAt = elapsed;
          onProgress?.({ ...feed.counts, elapsedS: elapsed / 1000, behind });
        }
      },
    });
    feed.flush(Date.now());
    const truth = feed.truth();
    if (options.truth !== '') {
      replaceText(options.truth, JSON.stringify(truth));
      onWritten?.(options.truth);
    }
    const elapsedS = elapsedMs / 1000;
    const { flows, records, datagrams } = feed.counts;
    const summary = {
      ...feed.counts,
      elapsedS,
      behind,
      flowsPerS: flows / elapsedS,
      recordsPerS: records / elapsedS,
      sendErrors: sender.errors,
      truth,
      documents,
    };
    log?.info({ flows, records, datagrams, elapsedS, sendErrors: sender.errors }, 'load sent');
    return summary;
  } finally {
    await sender.close();
  }
}

/** One line for people. */
export function formatProgress({
  elapsedS,
  flows,
  records,
  datagrams,
  droppedDatagrams,
  behind,
}: LoadProgress): string {
  const dropped = droppedDatagrams > 0 ? `, ${droppedDatagrams} dropped on purpose` : '';
  const late = behind > 0 ? `, ${behind} flows behind` : '';
  return `${elapsedS.toFixed(1)} s: ${flows} flows, ${records} records, ${datagrams} datagrams${dropped}${late}`;
}
