// `hairpin erase`: asks a running Hairpin to make an address nobody, and shows how far it is.

import type { ErasureAnswer } from '../query-api/maintenance/erasures.ts';
import type { ReenrichedDay } from '../query-api/maintenance/reenrichments.ts';
import { parseAddress } from '../schemas/address.ts';
import { TOKEN_FILE } from './api-token.ts';
import { parseCommand, usageError } from './command-line.ts';
import { ask, callerOf, DAY_FLAGS, dateOf, endOf, follow } from './reenrich.ts';

const HELP = `hairpin erase --address ADDRESS [--from DAY --to DAY] [--dry-run] [--api URL]

Makes an address nobody in every stored record in which it is an end: address, MAC, VM and station of that end go, what it
counted for stays, so records and roll-ups tell the same as before. What was learned of servers at the address goes too. The
running Hairpin does the work, a day of receipt at a time, while traffic goes on coming in. Ctrl-C stops it; the same command
again goes on with the days that are left. Traffic that is still on its way, and later traffic, is not concerned: say it again
when that has been stored. Documents that name the address are counted and left to you.

  --address A  IPv4 or IPv6 address
  --from DAY   first day: 2026-01-31, or a time of that day (RFC 3339, now-2d); without it all days
  --to DAY     last day: 2026-01-31, or a time up to which days are taken
  --dry-run    tell how many rows there are by day and table, and change nothing
  --api URL    where Hairpin answers [http://127.0.0.1:8080]
${TOKEN_FILE}
`;

export async function erase(args: readonly string[]): Promise<number> {
  const { values } = parseCommand(args, { address: { type: 'string' }, ...DAY_FLAGS }, HELP);
  if (!values) return 0;
  const { address, from, to } = values;
  if (typeof address !== 'string' || !parseAddress(address))
    throw usageError('--address ADDRESS is required: one IPv4 or IPv6 address', HELP);
  const caller = callerOf(values, 'erasures', HELP);
  const dryRun = values['dry-run'] === true;
  await ask(caller, 'POST', { address, ...(from && { from }), ...(to && { to }), dryRun });
  const state: ErasureAnswer = await follow(caller, lineOf);
  if (state.beside) {
    const { services, asExporter, documents } = state.beside;
    process.stderr.write(`services    ${services} rows${dryRun || state.error !== '' ? '' : ' erased'}\n`);
    if (asExporter > 0)
      process.stderr.write(`exporters   ${asExporter} rows of an exporter of this address; they stay\n`);
    if (documents > 0)
      process.stderr.write(`documents   ${documents} versions name it; they stay: hand in documents without it\n`);
  }
  return endOf(state, 'no records are stored of these days');
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
  if (outcome === 'previewed') return `${date}  flows: ${erased} of ${recordsMax} records have it`;
  if (outcome !== 'done') return `${date}  ${outcome} after ${records} records${detail && `: ${detail}`}`;
  if (erased === 0) return `${date}  done: no record has it`;
  return `${date}  done: erased from ${erased} of ${recordsMax} records; ${detail || `new ones waited for ${Math.round(fencedMs)} ms`}`;
}
