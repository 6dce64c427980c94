// Erasing an address, as a person may ask for: in every stored record in which it is an end, that end becomes nobody. Days
// are written anew and swapped like re-enriched ones (docs/decisions/0003-re-enrichment.md), so records and roll-ups go on
// telling the same, while traffic comes in; but nothing is enriched again, and other records stay as they are. What is
// left of the end is where it stood and what it counted for: totals do not change.
//
// What was learned of servers at the address goes. Documents are the installation's own: they are counted, not changed.

import { randomBytes } from 'node:crypto';
import {
  formatAddress,
  isMapped4,
  maskWords,
  parseAddress,
  swap32,
  type Words,
  wordsOfRow,
} from '../schemas/address.ts';
import { IDENTITY, RULE } from '../schemas/codes.ts';
import type { Configuration } from '../schemas/configuration.ts';
import { FLOW_COLUMNS } from '../schemas/flow.ts';
import type { ClickHouse } from '../storage/client.ts';
import { type StoredWindow, stagedName } from '../storage/staging.ts';
import { openPrivacy } from './privacy.ts';
import { groupParams, groupToken, IN_GROUP, missingGroups, type RecordsContext } from './reenrich-records.ts';

/**
 * Where an erased end outside stands: in the documentation prefix (RFC 9637), beyond every internal one, so that it is
 * still outside when its record is enriched again.
 */
const NOBODY = '3fff:eee::';

export interface Erasure {
  /** Of the staged records: nobody takes up what another erasure staged, because nothing may tell which address it was. */
  readonly id: string;
  /** Records of a day that have the address at an end. */
  count(day: number): Promise<number>;
  /** As stageRecords: copies what is missing, without the address. */
  stage(context: Omit<RecordsContext, 'enrichment' | 'names'>, window: StoredWindow): Promise<boolean>;
}

/** `address` is one that parseAddress() takes; `privacy` says what else it is stored as. Throws PRIVACY_KEY_UNUSABLE. */
export function createErasure(
  storage: ClickHouse,
  address: string,
  privacy: Pick<Configuration, 'privacy' | 'privacyKey'>,
): Erasure {
  const words = parseAddress(address)!;
  const erased = [columnText(words), ...pseudonymsOf(words, privacy)];
  const params = { erased, network: columnText(networkOf(words)), nobody: NOBODY };
  return {
    id: `erase ${randomBytes(6).toString('hex')}`,
    async count(day) {
      const [row] = await storage.select<{ n: string }>(
        'SELECT count() AS n FROM flows WHERE toYYYYMMDD(receivedAt) = {day:UInt32} AND (srcAddr IN {erased:Array(IPv6)} OR dstAddr IN {erased:Array(IPv6)})',
        { day, ...params },
      );
      return Number(row?.n ?? 0);
    },
    async stage({ run, day, revision, signal, onRecords }, window) {
      const table = stagedName(run, 'flows');
      for (;;) {
        const groups = await missingGroups(storage, run, day, window);
        if (groups.length === 0) return true;
        for (const group of groups) {
          if (signal.aborted) return false;
          await storage.insertSelect(
            `INSERT INTO ${table} (${NAMES.join(', ')}) SELECT ${NAMES.map(name => ERASED[name] ?? `f.${name}`).join(', ')} FROM flows AS f WHERE ${IN_GROUP}`,
            { ...groupParams(day, group), ...params, revision },
            groupToken(group),
          );
          onRecords(group.reduce((sum, { rows }) => sum + rows, 0));
        }
      }
    },
  };
}

const NAMES: readonly string[] = [...FLOW_COLUMNS.map(({ name }) => name as string), 'storedAt'];
const AT_SRC = 'f.srcAddr IN {erased:Array(IPv6)}';
const AT_DST = 'f.dstAddr IN {erased:Array(IPv6)}';
/** An end inside keeps its network, which is what its automatic node is called. */
const addressSql = (hit: string, address: string, rule: string) =>
  `if(${hit}, if(f.${rule} = ${RULE['auto-prefix']}, {network:IPv6}, {nobody:IPv6}), f.${address})`;
const ERASED: Readonly<Record<string, string>> = {
  srcAddr: addressSql(AT_SRC, 'srcAddr', 'srcRule'),
  dstAddr: addressSql(AT_DST, 'dstAddr', 'dstRule'),
  srcMac: `if(${AT_SRC}, 0, f.srcMac)`,
  dstMac: `if(${AT_DST}, 0, f.dstMac)`,
  srcVm: `if(${AT_SRC}, 0, f.srcVm)`,
  dstVm: `if(${AT_DST}, 0, f.dstVm)`,
  srcIdentity: `if(${AT_SRC}, ${IDENTITY.none}, f.srcIdentity)`,
  dstIdentity: `if(${AT_DST}, ${IDENTITY.none}, f.dstIdentity)`,
  stationId: `if(${AT_SRC} OR ${AT_DST}, toFixedString('', 16), f.stationId)`,
  revision: '{revision:UInt32}',
};

/** Rows that have the address, by table; of what is kept beside the records of days. */
export interface ErasedBeside {
  /** What was learned of servers there, which goes. */
  readonly services: number;
  /** Rows of an exporter of this address: devices, which stay. */
  readonly asExporter: number;
  /** Recorded documents that name it, which stay. */
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
      whole: `(^|[^0-9a-fA-F.:])${formatAddress(words).replaceAll('.', '\\.')}($|[^0-9a-fA-F.:])`,
    },
  );
  return {
    services: Number(row?.services ?? 0),
    asExporter: Number(row?.asExporter ?? 0),
    documents: Number(row?.documents ?? 0),
  };
}

/** Removes what is kept beside the records of days; repeating it is harmless. */
export async function eraseBeside(storage: ClickHouse, address: string): Promise<void> {
  await storage.command('ALTER TABLE services DELETE WHERE address = {erased:IPv6} SETTINGS mutations_sync = 2', {
    erased: columnText(parseAddress(address)!),
  });
}

/** Its keyed hash, where addresses outside are anonymised. Of a network nobody can say whose it was. */
function pseudonymsOf(words: Words, config: Pick<Configuration, 'privacy' | 'privacyKey'>): string[] {
  if (config.privacy !== 'anonymise') return [];
  const column = Uint32Array.from(words, swap32);
  openPrivacy(config)!.beside(() => true)(column, 0);
  return [columnText(wordsOfRow(column, 0))];
}

/** The /24 or /64: what automatic nodes are called by. */
function networkOf(words: Words): Words {
  return maskWords(words, isMapped4(words) ? 96 + 24 : 64);
}

/** As an IPv6 column reads it. */
function columnText(words: Words): string {
  return isMapped4(words) ? `::ffff:${formatAddress(words)}` : formatAddress(words);
}
