// Erasing an address, as a person may ask for: in every stored record in which it is an end, that end becomes nobody. Days
// are written anew and swapped like re-enriched ones (docs/decisions/0003-re-enrichment.md), so records and roll-ups go on
// reporting the same, while traffic comes in; but nothing is enriched again, and other records stay as they are. What is
// left of the end is where it stood and what it counted for: totals do not change, but of traffic that is `unelected`:
// two erased ends can become one pair, of which only the larger point counts, so its total may fall.
//
// What was learned of servers at the address, and of interfaces that see its traffic, goes. In roll-ups of unelected traffic
// the hash of the sender becomes 0, of every day, because a roll-up is kept longer than the records from which it could be
// made anew; of that traffic nothing is learned afterwards. Documents are the installation's own: they are counted, not
// changed.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnrichmentConfiguration } from '../../enricher/configuration.ts';
import { openPrivacy } from '../../enricher/stages/privacy.ts';
import { formatAddress, isMapped4, parseAddress, swap32, type Words, wordsOfRow } from '../../schemas/address.ts';
import { IDENTITY, RULE } from '../../schemas/codes.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { copyRecords, type StageContext } from '../../storage/rewrite/records.ts';
import type { StoredWindow } from '../../storage/rewrite/staging.ts';
import { StorageError } from '../../storage/storage.ts';

/**
 * Where an erased end outside stands: in the documentation prefix (RFC 9637), beyond every internal one, so that it is
 * still outside when its record is enriched again.
 */
const NOBODY = '3fff:eee::';
/** Where hidden addresses stand (privacy.ts): those are outside, and their network is a part of their hash. */
const HIDDEN = { network: '3fff::', length: 20 };

/** Somebody ended the mutation, or its helper table was lost; or records of that day came late. */
const LEFT = 'rows with the address are left; erase again';
const REVISIONS_MAX = 0xffffffff;
const MUTATION_POLL_MS_MIN = 20;
const MUTATION_POLL_MS_MAX = 2000;

type PrivacyConfiguration = Pick<EnrichmentConfiguration, 'privacy' | 'privacyKey'>;

export interface Erasure {
  /** Of the staged records: what another erasure staged is not adopted, because nothing may reveal which address it was. */
  readonly id: string;
  /** Records of a day that have the address at an end. */
  count(day: number): Promise<number>;
  /** As stageRecords: copies what is missing, without the address. */
  stage(context: StageContext, window: StoredWindow): Promise<boolean>;
  /** Changes the records of a day where they are, and no roll-up: for days whose roll-ups cannot be made anew. Throws when `signal` stops it. */
  change(day: number, revision: number, signal: AbortSignal): Promise<void>;
}

/** `address` is one that parseAddress() takes; `privacy` says what else it is stored as. Throws PRIVACY_KEY_UNUSABLE. */
export function createErasure(storage: ClickHouse, address: string, privacy: PrivacyConfiguration): Erasure {
  const words = parseAddress(address)!;
  const erased = [columnText(words), ...pseudonymsOf(words, privacy)];
  const networkLength = isMapped4(words) ? 96 + 24 : 64;
  const params = { erased };
  const staged = erasedColumns('f.', '{erased:Array(IPv6)}', networkLength);
  const countRows = async (day: number, before: number): Promise<number> => {
    const [row] = await storage.select<{ n: string }>(
      'SELECT count() AS n FROM flows WHERE toYYYYMMDD(receivedAt) = {day:UInt32} AND revision < {before:UInt32} AND (srcAddr IN {erased:Array(IPv6)} OR dstAddr IN {erased:Array(IPv6)})',
      { day, before, ...params },
    );
    return Number(row?.n ?? 0);
  };
  return {
    id: `erase ${randomBytes(6).toString('hex')}`,
    count: day => countRows(day, REVISIONS_MAX),
    stage: (context, window) => copyRecords(context, window, { changed: staged, params }),
    change: (day, revision, signal) =>
      withTable(storage, erased, async table => {
        const those = `(SELECT address FROM ${table})`;
        const changes = Object.entries(erasedColumns('', those, networkLength)).map(
          ([name, sql]) => `${name} = ${sql}`,
        );
        const sql = `ALTER TABLE flows UPDATE ${changes.join(', ')}, revision = ${revision} IN PARTITION ${day} WHERE srcAddr IN ${those} OR dstAddr IN ${those}`;
        await mutate(storage, sql, table, signal);
        // A changed record may have the address still: that of its network.
        if ((await countRows(day, revision)) > 0) throw new Error(LEFT);
      }),
  };
}

/**
 * Columns of the ends whose address is among `erased`, as SQL over columns with a prefix. An end inside, VMs and members
 * of applications too, keeps its network: beyond it the record would be taken for one of traffic with outside when it is
 * enriched again.
 */
function erasedColumns(of: string, erased: string, networkLength: number): Readonly<Record<string, string>> {
  const end = (side: 'src' | 'dst') => {
    const address = `${of}${side}Addr`;
    const hit = `${address} IN ${erased}`;
    const network = (length: number) => `tupleElement(IPv6CIDRToRange(${address}, toUInt8(${length})), 1)`;
    const outside = `${of}${side}Rule = ${RULE.external} OR ${network(HIDDEN.length)} = toIPv6('${HIDDEN.network}')`;
    return {
      [`${side}Addr`]: `if(${hit}, if(${outside}, toIPv6('${NOBODY}'), ${network(networkLength)}), ${address})`,
      [`${side}Mac`]: `if(${hit}, 0, ${of}${side}Mac)`,
      [`${side}Vm`]: `if(${hit}, 0, ${of}${side}Vm)`,
      // Its tags may say who it was.
      [`${side}Place`]: `if(${hit}, 0, ${of}${side}Place)`,
      [`${side}Identity`]: `if(${hit}, ${IDENTITY.none}, ${of}${side}Identity)`,
    };
  };
  const either = `${of}srcAddr IN ${erased} OR ${of}dstAddr IN ${erased}`;
  return { ...end('src'), ...end('dst'), stationId: `if(${either}, toFixedString('', 16), ${of}stationId)` };
}

/**
 * Calls with a table that holds the addresses while it runs. ClickHouse keeps the text of mutations, also of those that
 * are done, and so it does not name them.
 */
async function withTable(
  storage: ClickHouse,
  addresses: readonly string[],
  call: (table: string) => Promise<void>,
): Promise<void> {
  // Of a run that was killed one may be left; without it a mutation that goes on would fail for ever.
  const left = await storage.select<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'erasing_') AND metadata_modification_time < now() - INTERVAL 1 HOUR
       AND name NOT IN (SELECT arrayJoin(extractAll(command, 'erasing_[0-9a-f]+')) FROM system.mutations WHERE database = currentDatabase() AND NOT is_done)`,
  );
  const drop = (name: string) => storage.command(`DROP TABLE IF EXISTS ${name} SYNC`);
  for (const { name } of left) await drop(name);
  const table = `erasing_${randomBytes(6).toString('hex')}`;
  await storage.command(`CREATE TABLE ${table} (address IPv6) ENGINE = MergeTree ORDER BY address`);
  try {
    await storage.command(`INSERT INTO ${table} SELECT arrayJoin({addresses:Array(IPv6)}) SETTINGS async_insert = 0`, {
      addresses,
    });
    await call(table);
  } catch (error) {
    // What the client gave up goes on in the server. Where it cannot be ended the table stays, for a later run to drop.
    await storage
      .command(`KILL MUTATION WHERE database = currentDatabase() AND command LIKE '%${table}%' SYNC`)
      .then(() => drop(table))
      .catch(() => {});
    throw error;
  }
  await drop(table);
}

/** Starts a mutation and waits for its end, however long that takes: a statement that waits would be given up by the client. */
async function mutate(storage: ClickHouse, sql: string, table: string, signal?: AbortSignal): Promise<void> {
  await storage.command(`${sql} SETTINGS mutations_sync = 0`);
  for (let pauseMs = MUTATION_POLL_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, MUTATION_POLL_MS_MAX)) {
    const [row] = await storage.select<{ left: string; reason: string }>(
      `SELECT count() AS left, max(latest_fail_reason) AS reason FROM system.mutations
       WHERE database = currentDatabase() AND NOT is_done AND position(command, {table:String}) > 0`,
      { table },
    );
    if (Number(row!.left) === 0) return;
    if (row!.reason !== '')
      throw new StorageError('permanent', Number(/^Code: (\d+)/.exec(row!.reason)?.[1] ?? 0), row!.reason);
    if (signal?.aborted) throw new Error('stopped while records were changed in place; erase again for the rest');
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
  }
}

/** Rows that have the address, by table; of what is kept beside the records of days. */
export interface ErasedBeside {
  /** What was learned of servers there, which goes. */
  readonly services: number;
  /** Rows of an exporter of this address: devices, which stay. */
  readonly asExporter: number;
  /** Recorded documents that name it in canonical form (RFC 5952), in whatever case; they stay. */
  readonly documents: number;
}

export async function countBeside(storage: ClickHouse, address: string): Promise<ErasedBeside> {
  const words = parseAddress(address)!;
  const exporters = ['exporters', 'interfaces', 'facts'].map(
    table => `(SELECT count() FROM ${table} WHERE exporter = {erased:IPv6})`,
  );
  const [row] = await storage.select<Record<keyof ErasedBeside, string>>(
    `SELECT (SELECT count() FROM services WHERE address = {erased:IPv6}) AS services,
       ${exporters.join(' + ')} + (SELECT count() FROM events WHERE toExporter = {erased:IPv6} OR fromExporter = {erased:IPv6}) AS asExporter,
       (SELECT count() FROM documents WHERE match(body, {whole:String})) AS documents`,
    {
      erased: columnText(words),
      whole: `(?i)(^|[^0-9a-f.:])${formatAddress(words).replaceAll('.', '\\.')}($|[^0-9a-f.:])`,
    },
  );
  return {
    services: Number(row?.services ?? 0),
    asExporter: Number(row?.asExporter ?? 0),
    documents: Number(row?.documents ?? 0),
  };
}

/**
 * Removes what is kept beside the records of days; repeating it is harmless. `privacy` says what else the address is
 * stored as.
 */
export async function eraseBeside(
  storage: ClickHouse,
  address: string,
  privacy?: PrivacyConfiguration,
  signal?: AbortSignal,
): Promise<void> {
  const words = parseAddress(address)!;
  const erased = [columnText(words), ...(privacy ? pseudonymsOf(words, privacy) : [])];
  await withTable(storage, erased, async table => {
    const those = `(SELECT address FROM ${table})`;
    await mutate(storage, `ALTER TABLE services DELETE WHERE address IN ${those}`, table, signal);
    // A hash of an address can be tried out.
    const hashes = `(SELECT cityHash64(address) FROM ${table})`;
    await mutate(storage, `ALTER TABLE learned_interfaces DELETE WHERE source IN ${hashes}`, table, signal);
    await mutate(storage, `ALTER TABLE unelected_5m UPDATE source = 0 WHERE source IN ${hashes}`, table, signal);
    // Of today new traffic may have been rolled up meanwhile.
    const [row] = await storage.select<{ n: string }>(
      `SELECT (SELECT count() FROM services WHERE address IN ${those})
         + (SELECT count() FROM learned_interfaces WHERE source IN ${hashes})
         + (SELECT count() FROM unelected_5m WHERE day < toYYYYMMDD(now('UTC')) AND source IN ${hashes}) AS n`,
    );
    if (Number(row!.n) > 0) throw new Error(LEFT);
  });
}

/** What may be reported and recorded of an error while an address is erased: texts of ClickHouse repeat what it was asked. */
export function reportedOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at instanceof StorageError)
      return at.clickhouseCode === 0
        ? 'no answer from ClickHouse'
        : `ClickHouse error ${at.clickhouseCode}; its text, which may hold the address, is logged at the level debug`;
  return (error as Error).message;
}

/** Its keyed hash, where addresses outside are anonymised. Of a network nobody can say whose it was. */
function pseudonymsOf(words: Words, config: PrivacyConfiguration): string[] {
  if (config.privacy !== 'anonymise') return [];
  const column = Uint32Array.from(words, swap32);
  openPrivacy(config)!.beside(() => true)(column, 0);
  return [columnText(wordsOfRow(column, 0))];
}

/** As an IPv6 column reads it. */
function columnText(words: Words): string {
  return isMapped4(words) ? `::ffff:${formatAddress(words)}` : formatAddress(words);
}
