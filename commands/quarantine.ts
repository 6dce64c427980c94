// `hairpin quarantine list|replay`: batches that could not be stored, and putting them back.

import { join, resolve } from 'node:path';
import { openDataFolder } from '../service/data-folder.ts';
import { createQuarantine, type Quarantine } from '../transport/quarantine.ts';
import { parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin quarantine list|replay [TOKEN...] [--data DIR]

Batches that ClickHouse would never take lie in DIR/quarantine, each with its reason. \`replay\` puts the named ones, or all of
them, back into the spool; the next start stores them. Replay needs Hairpin stopped: it takes the data folder for itself.
`;

export async function quarantine(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, { data: { type: 'string', default: './data' } }, HELP);
  if (!values) return 0;
  const [action, ...tokens] = positionals;
  const data = String(values['data']);
  const store = createQuarantine({
    folder: join(resolve(data), 'quarantine'),
    spoolFolder: join(resolve(data), 'spool'),
    bytesMax: Number.POSITIVE_INFINITY,
  });
  if (action === 'list' && tokens.length === 0) return list(store);
  if (action !== 'replay') throw usageError('say list or replay', HELP);
  const folder = openDataFolder(data);
  try {
    return replay(store, tokens);
  } finally {
    folder.release();
  }
}

function list(store: Quarantine): number {
  for (const { token, bytes, at, reason } of store.list())
    process.stdout.write(`${token}\t${bytes} B\t${at}\t${reason}\n`);
  return 0;
}

function replay(store: Quarantine, tokens: readonly string[]): number {
  const wanted = tokens.length > 0 ? tokens : store.list().map(batch => batch.token);
  const missing = wanted.filter(token => !store.replay(token));
  for (const token of missing) process.stderr.write(`${token} is not in quarantine\n`);
  process.stderr.write(
    `${wanted.length - missing.length} batches put back into the spool; the next start stores them\n`,
  );
  return missing.length > 0 ? 1 : 0;
}
