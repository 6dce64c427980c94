// `hairpin reenrich`: a running Hairpin re-enriches days, and the command shows the progress.

import type { ReenrichedDay } from '../query-api/maintenance/reenrichments.ts';
import { TOKEN_FILE } from './api-token.ts';
import { parseCommand, usageError } from './command-line.ts';
import { dateOf, exitCodeOf, follow, JOB_FLAGS, jobRoute, request } from './job-client.ts';

const HELP = `hairpin reenrich --from DAY --to DAY [--dry-run] [--api URL]

Reads the stored records of whole days again and applies what the inventory, the applications and the exporter registry
say today about that time. New records and roll-ups replace the old ones while traffic is received. A day is one of receipt,
in UTC: traffic before midnight that was reported after it belongs to the next day. The running Hairpin does the work.
Ctrl-C stops it between two steps; the same command continues it later.

  --from DAY   first day: 2026-01-31, or a time of that day (RFC 3339, now-2d)
  --to DAY     last day: 2026-01-31, or a time up to which days are included
  --dry-run    report how many records would change and how many bytes would move, and change nothing
  --api URL    address of Hairpin [http://127.0.0.1:8080]
${TOKEN_FILE}
`;

export async function reenrich(args: readonly string[]): Promise<number> {
  const { values } = parseCommand(args, JOB_FLAGS, HELP);
  if (!values) return 0;
  const { from, to } = values;
  if (typeof from !== 'string' || typeof to !== 'string')
    throw usageError('--from DAY and --to DAY are required', HELP);
  const route = jobRoute(values, 'reenrichments', HELP);
  await request(route, 'POST', { from, to, dryRun: values['dry-run'] === true });
  return exitCodeOf(await follow(route, lineOf), 'no records were received on these days');
}

function lineOf({ day, outcome, records, recordsMax, recordsPerS, fencedMs, detail, changes }: ReenrichedDay): string {
  const date = dateOf(day);
  if (changes)
    return `${date}  ${changes.records} records: ${changes.renamed} with other names, ${changes.recounted} counted otherwise, ${changes.bytesMoved} bytes would move`;
  if (outcome === 'working') return `${date}  ${records} of ${recordsMax} records, ${recordsPerS} records/s`;
  if (outcome === 'done')
    return `${date}  done: ${records} records, ${recordsPerS} records/s; new ones waited for ${Math.round(fencedMs)} ms`;
  return `${date}  ${outcome} after ${records} records${detail && `: ${detail}`}`;
}
