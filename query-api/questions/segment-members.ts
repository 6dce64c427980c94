// Which rows have an end in a segment, a port group or a VLAN, and which end that is. Segments and port groups are those of the
// place of an end, as of the time of its traffic; a VLAN is that of the record, and both ends are in it.

import { NODE_CLASSES } from '../../schemas/keys.ts';
import type { SegmentKind } from '../../schemas/planning.ts';
import type { Storage } from '../../storage/storage.ts';
import { numbersOf } from '../filter/typing.ts';
import { refuse } from '../http/problem.ts';
import { placeAmongSql } from '../sql/derived.ts';
import { columnOrPair, pairOf } from '../sql/dimensions.ts';
import { checkedEquals, compileFilter, explicitNode, parseValues, termsOf } from '../sql/filter.ts';
import { nodeResolver } from '../sql/values.ts';
import type { Membership } from './pair-traffic.ts';

export interface Members extends Membership {
  /** Node keys, decimal, or numbers of VLANs. */
  readonly keys: readonly string[];
}

const VLANS_MAX = 4096;

export function membersOf(storage: Storage, by: SegmentKind, of: string): Promise<Members> {
  return by === 'vlan' ? inVlans(storage, of) : inPlaces(storage, by, of);
}

async function inPlaces(storage: Storage, by: 'segment' | 'portgroup', of: string): Promise<Members> {
  const names = parseValues('of', of);
  const found = await nodeResolver(storage, 'of')(names.filter(name => explicitNode(name) === undefined));
  const wanted = BigInt(by === 'segment' ? NODE_CLASSES.segment : NODE_CLASSES.portGroup);
  const keysOf = (name: string) => (explicitNode(name) ?? found.get(name) ?? []).filter(key => key >> 56n === wanted);
  const missing = names.find(name => keysOf(name).length === 0);
  if (missing !== undefined)
    refuse(
      'of',
      `no ${by === 'segment' ? 'segment' : 'port group'} is named "${missing.slice(0, 100)}"; /api/v1/filters/complete lists names`,
    );
  const keys = [...new Set(names.flatMap(keysOf))];
  const pair = pairOf('by', by);
  const list = '{ofPlaces:Array(UInt64)}';
  const [src, dst] = pair.map(({ derived }) => `r.${derived!.alias} IN ${list}`) as [string, string];
  const [srcAmong, dstAmong] = pair.map(({ derived }) => placeAmongSql(derived!.place!, list));
  return {
    ...{ src, dst, keys: keys.map(String), columns: pair.map(({ derived }) => derived!.alias) },
    condition: {
      sql: `(${srcAmong} OR ${dstAmong})`,
      params: { ofPlaces: keys },
      columns: pair.flatMap(({ derived }) => derived!.stored),
    },
  };
}

async function inVlans(storage: Storage, of: string): Promise<Members> {
  const filter = checkedEquals('of', columnOrPair('vlan')![0]!, of);
  const condition = await compileFilter('of', filter, nodeResolver(storage, 'of'), 'v');
  const numbers = termsOf(filter).flatMap(({ values }) => values.map(({ text }) => numbersOf(text)!));
  const keys = numbers.flatMap(({ low, high }) =>
    Array.from({ length: Math.min(VLANS_MAX, high - low + 1) }, (_, i) => String(low + i)),
  );
  return { src: '1', dst: '1', columns: ['vlan'], condition, keys: [...new Set(keys)].slice(0, VLANS_MAX) };
}
