// `hairpin erase`: a running Hairpin erases an address, and the command shows the progress.

import type { ErasureAnswer } from '../query-api/maintenance/erasures.ts';
import type { ReenrichedDay } from '../query-api/maintenance/reenrichments.ts';
import { parseAddress } from '../schemas/address.ts';
import { TOKEN_FILE } from './api-token.ts';
import { parseCommand, usageError } from './command-line.ts';
import { dateOf, exitCodeOf, follow, JOB_FLAGS, jobRoute, request } from './job-client.ts';

const HELP = `hairpin erase --address ADDRESS [--from DAY --to DAY] [--dry-run] [--api URL]

Erases an address from every stored record in which it is an end: address, MAC, VM and station of that end are removed. What
the record counted stays, so sums and roll-ups are the same as before. Services learned at the address are removed too. The
running Hairpin does the work, a day of receipt at a time, while traffic is received. Ctrl-C stops it between two steps; the
same command continues it later. Records that are not stored yet are not included: run the command again when they are.
Documents that name the address are counted and left to you.

  --address A  IPv4 or IPv6 address
  --from DAY   first day: 2026-01-31, or a time of that day (RFC 3339, now-2d); without it all days
  --to DAY     last day: 2026-01-31, or a time up to which days are included
  --dry-run    report how many rows hold the address by day and table, and change nothing
  --api URL    address of Hairpin [http://127.0.0.1:8080]
${TOKEN_FILE}
`;

export async function erase(args: readonly string[]): Promise<number> {
  const { values } = parseCommand(args, { address: { type: 'string' }, ...JOB_FLAGS }, HELP);
  if (!values) return 0;
  const { address, from, to } = values;
  if (typeof address !== 'string' || !parseAddress(address))
    throw usageError('--address ADDRESS is required: one IPv4 or IPv6 address', HELP);
  const route = jobRoute(values, 'erasures', HELP);
  const dryRun = values['dry-run'] === true;
  await request(route, 'POST', { address, ...(from && { from }), ...(to && { to }), dryRun });
  const state: ErasureAnswer = await follow(route, lineOf);
  if (state.beside) process.stderr.write(besideRecords(state.beside, dryRun || state.error !== ''));
  return exitCodeOf(state, 'no records of these days are stored');
}

/** What was found in other tables than those of records. */
function besideRecords(
  { services, asExporter, documents }: NonNullable<ErasureAnswer['beside']>,
  isUnchanged: boolean,
): string {
  const lines = [
    `services    ${services} rows${isUnchanged ? '' : ' erased'}`,
    ...(asExporter > 0 ? [`exporters   ${asExporter} rows of an exporter with this address are kept`] : []),
    ...(documents > 0 ? [`documents   ${documents} versions name it and are kept; send documents without it`] : []),
  ];
  return lines.map(line => `${line}\n`).join('');
}

function lineOf({
  day,
  outcome,
  records,
  recordsMax,
  recordsPerS,
  fencedMs,
  detail,
  erased = 0,
}: ReenrichedDay): string {
  const date = dateOf(day);
  if (outcome === 'working') return `${date}  ${records} of ${recordsMax} records, ${recordsPerS} records/s`;
  if (outcome === 'previewed') return `${date}  flows: ${erased} of ${recordsMax} records hold the address`;
  if (outcome !== 'done') return `${date}  ${outcome} after ${records} records${detail && `: ${detail}`}`;
  if (erased === 0) return `${date}  done: no record holds the address`;
  return `${date}  done: erased from ${erased} of ${recordsMax} records; ${detail || `new ones waited for ${Math.round(fencedMs)} ms`}`;
}
