// Repairs what a crash leaves in the deduplication logs of ClickHouse, before the engine reads them.
//
// An insert into a MergeTree without replicas writes its token to `deduplication_logs` and then renames its part into
// place (MergeTreeSink::commitPart). A server that is killed between the two restarts with a token that it knows and rows
// that it lacks, and leaves the repeated insert out: the rows are lost, in the table or in one of its roll-ups. Seen once
// in some hundred kills, with the engine 26.7. Block numbers only grow and both steps are made under one lock, so such a
// token is that of a part newer than every part on disk. A line that revokes it makes the repetition an ordinary insert.
//
// A line is `1<tab>PART<tab>TOKEN` for a part that was added and `2<tab>PART<tab>TOKEN` for one that was removed.

import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = 'deduplication_logs';
const LOG = /^deduplication_log_(\d+)\.txt$/;
/** Partition, first and last block, level, and the mutation if there was one. */
const PART = /^[^_]+_(\d+)_(\d+)_\d+(?:_(\d+))?$/;
const ADDED = '1';
const REMOVED = '2';

/** Revokes the tokens of parts that were not put in place, in all tables below the folder `db`; returns how many. */
export function revokeTokens(db: string): number {
  const store = join(db, 'store');
  if (!existsSync(store) || isInUse(join(db, 'status'))) return 0;
  let revoked = 0;
  for (const prefix of readdirSync(store))
    for (const table of readdirSync(join(store, prefix))) revoked += repairTable(join(store, prefix, table));
  return revoked;
}

function repairTable(table: string): number {
  const folder = join(table, FOLDER);
  if (!existsSync(folder)) return 0;
  const logs = readdirSync(folder)
    .flatMap(name => Number(LOG.exec(name)?.[1] ?? []))
    .sort((a, b) => a - b)
    .map(number => join(folder, `deduplication_log_${number}.txt`));
  const newestLog = logs.at(-1);
  if (newestLog === undefined) return 0;
  const newestBlock = Math.max(0, ...readdirSync(table).flatMap(name => blocksOf(name)));
  const lost = lostTokens(linesBehind(logs, newestBlock));
  if (lost.size === 0) return 0;
  // The engine reads a log only up to a line that was cut off.
  const text = readFileSync(newestLog);
  truncateSync(newestLog, text.lastIndexOf('\n') + 1);
  appendFileSync(newestLog, Array.from(lost, ([token, part]) => `${REMOVED}\t${part}\t${token}\n`).join(''));
  return lost.size;
}

/** Tokens that these lines add and do not remove, with their parts. */
function lostTokens(lines: readonly string[]): Map<string, string> {
  const lost = new Map<string, string>();
  for (const line of lines) {
    const [what, part = '', token = ''] = line.split('\t');
    if (what === ADDED && token !== '') lost.set(token, part);
    else lost.delete(token);
  }
  return lost;
}

/** The lines behind the last one that adds a part with a block up to this one. Logs have 100,000s of lines. */
function linesBehind(logs: readonly string[], block: number): string[] {
  const found: string[] = [];
  for (const log of logs.toReversed())
    for (const line of readFileSync(log, 'utf8').split('\n').reverse()) {
      const [what, part = ''] = line.split('\t');
      if (what === ADDED && Math.min(...blocksOf(part)) <= block) return found.reverse();
      found.push(line);
    }
  return found.reverse();
}

/** Blocks and mutation in the name of a part; temporary and other folders have none. */
function blocksOf(name: string): number[] {
  const [, first, last, mutation] = PART.exec(name) ?? [];
  return [first, last, mutation].flatMap(number => (number === undefined ? [] : Number(number)));
}

/** Whether an engine uses the folder: it locks this file while it runs. Linux only, and only of visible processes. */
function isInUse(status: string): boolean {
  if (!existsSync(status) || !existsSync('/proc/locks')) return false;
  const inode = `:${statSync(status).ino} `;
  return readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .some(line => line.includes(inode));
}
