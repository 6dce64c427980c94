// Which exporters were seen in a window, and when last: for the advisor, which names those that nobody registered. Whether a
// registered one is silent is recorded (storage/tables/liveness.ts), for coverage as for the election.

import { type SeenExporter, type SeenInWindow, SILENT_AFTER_MS } from '../../schemas/coverage.ts';
import type { Storage } from '../../storage/storage.ts';
import type { FoundWindow, Statement } from '../sql/tables.ts';
import { addressText } from '../sql/values.ts';
import type { RequestedWindow } from '../sql/window.ts';
import { EXPORTERS_MAX } from './exporters.ts';

const MINUTE_MS = 60_000;

interface SeenRow {
  readonly address: string;
  readonly domain: number;
  readonly code: number;
  readonly lastMs: string;
}

/** The largest exporters, at most EXPORTERS_MAX, of those that sent records, or datagrams without a fault. */
function seenStatement({ fromMs, toMs }: RequestedWindow): Statement {
  // Who was seen shortly before the window is known at its start.
  const from = Math.floor((fromMs - SILENT_AFTER_MS) / MINUTE_MS) * MINUTE_MS;
  const to = Math.ceil(toMs / MINUTE_MS) * MINUTE_MS;
  const sql = `
SELECT toString(e.exporter) AS address, e.observationDomain AS domain, e.protocol AS code,
  toString(toUnixTimestamp64Milli(max(e.lastSeen))) AS lastMs
FROM exporters AS e
WHERE e.minute >= fromUnixTimestamp64Milli({from:Int64}) AND e.minute < fromUnixTimestamp64Milli({to:Int64})
  AND (e.records > 0 OR (e.datagrams > 0 AND e.malformedSets + e.unknownTemplateSets + e.lostSets = 0))
GROUP BY e.exporter, e.observationDomain, e.protocol
ORDER BY sum(e.records) DESC, address, domain, code
LIMIT ${EXPORTERS_MAX}`;
  return { sql, params: { from, to } };
}

/** The covered part of a window, and without any the window, as far as it is stored. */
export function seenWindow(
  { window, covered, stored }: Pick<FoundWindow, 'window' | 'covered' | 'stored'>,
  nowMs: number,
): RequestedWindow {
  const toMs = Math.min(stored.storedUntilMs ?? nowMs, window.toS * 1000);
  return { fromMs: (covered?.bounds ?? window).fromS * 1000, toMs };
}

/** From the first minute on in which any exporter was seen at all. */
export async function readSeen(storage: Storage, { fromMs: startMs, toMs }: RequestedWindow): Promise<SeenInWindow> {
  // Where the whole window waits to be stored, `toMs` lies before it: what holds is what was seen last.
  const fromMs = startMs < toMs ? startMs : toMs - MINUTE_MS;
  const { sql, params } = seenStatement({ fromMs, toMs });
  const [rows, [first]] = await Promise.all([
    storage.select<SeenRow>(sql, params),
    storage.select<{ minute: string }>('SELECT toString(toUnixTimestamp64Milli(min(minute))) AS minute FROM exporters'),
  ]);
  const seen = rows.map(
    ({ address, domain, code, lastMs }): SeenExporter => ({
      ...{ address: addressText(address), domain, protocol: code },
      lastSeenMs: Number(lastMs),
    }),
  );
  const firstMs = rows.length > 0 ? Number(first?.minute ?? 0) : 0;
  return { seen, fromMs: Math.max(fromMs, Math.min(firstMs, toMs - 1)), atMs: toMs };
}
