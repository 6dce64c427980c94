// The rows behind the answer about dependencies: every row of the traffic of the subject as a cell of peer, way, service,
// locality, then summed by peer, with the peers below the share as one; and how they become the answer.

import { type LOCALITIES, LOCALITY, SERVER_SIDE } from '../../schemas/codes.ts';
import type { Storage } from '../../storage/storage.ts';
import { columnsOf, groupColumns, groupSql, pairOf } from '../sql/dimensions.ts';
import { addSums, estimateOf, NO_SUMS, type Observed, type Sums } from '../sql/metrics-sql.ts';
import { NOT_RANKED } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import { serviceTitle } from '../sql/service-titles.ts';
import type { Context, Statement } from '../sql/tables.ts';
import { type NameValue, nameValues } from '../sql/values.ts';
import type { Boundaries, Peer } from './dependencies-answer.ts';
import type { SeenAnswer, SeenQuery } from './first-seen.ts';
import { NAMED_MAX, type Subject } from './subject.ts';

const SERVICE = columnsOf('by', 'service')[0]!;

/** Way of a row: it sends, it receives, both ends are of it. */
const WAY = { to: 0, from: 1, within: 2 } as const;
/** What a row of the statement sums. */
const PART = { peer: 0, rest: 1, within: 2 } as const;

export interface Row extends Sums {
  readonly part: number;
  readonly peer: string;
  readonly level: 'all' | 'way' | 'service' | 'locality' | 'segment';
  readonly way: number;
  readonly service: string;
  readonly server: number;
  readonly locality: number;
  readonly inSegment: number;
  readonly first: number;
  readonly last: number;
  /** Of its level and peer. */
  readonly groups: string;
  readonly peers: string;
}

/** Peers that are listed. */
export function listedPeers(rows: readonly Row[]): readonly Row[] {
  return rows.filter(({ part, level }) => part === PART.peer && level === 'all');
}

/** Segments are kept by pair alone, and are not for every role. */
export function segmentsOf({ kind }: Subject): string[] {
  return kind === 'vm' ? groupColumns(pairOf('by', 'segment')) : [];
}

function segmentSql({ kind }: Subject): string {
  if (kind !== 'vm') return '0';
  const [src, dst] = pairOf('by', 'segment');
  return `toUInt8(r.${src.name} != 0 AND r.${src.name} = r.${dst.name})`;
}

/** The other end of a row of which one is the subject. */
export function peersOf({ columns: [src, dst], sends, receives, condition }: Subject): Omit<SeenQuery, 'values'> {
  const sql = `(${condition.sql} AND NOT (${sends()} AND ${receives()}))`;
  return { value: `if(${sends()}, ${groupSql(dst)}, ${groupSql(src)})`, condition: { ...condition, sql } };
}

export function nameAll(storage: Storage, { columns, keys }: Subject, rows: readonly Row[]): Promise<NameValue> {
  const [column] = columns;
  return nameValues(storage, [
    ...keys.slice(0, NAMED_MAX).map(key => [column, String(key)] as const),
    ...listedPeers(rows).map(({ peer }) => [column, peer] as const),
  ]);
}

export function dependenciesStatement(
  subject: Subject,
  { share, limit, services }: { readonly share: number; readonly limit: number; readonly services: number },
  { relation }: Context,
): Statement {
  const [src, dst] = subject.columns;
  const keys = ['way', 'peer', 'service', 'server', 'locality', 'inSegment'];
  const sql = `
WITH every AS (
  SELECT bucket, service, locality, ${segmentSql(subject)} AS inSegment, ${subject.sends('r.')} AS sends, ${subject.receives('r.')} AS receives,
    multiIf(sends AND receives, ${WAY.within}, sends, ${WAY.to}, ${WAY.from}) AS way,
    if(way = ${WAY.from}, ${groupSql(src, 'r.')}, ${groupSql(dst, 'r.')}) AS peer,
    multiIf(serverSide = 0, 0, (serverSide = ${SERVER_SIDE.src}) = sends, 1, 2) AS server, ${RELATION_FIGURES.join(', ')}
  FROM (${relation.sql}) AS r
), cells AS (
  SELECT ${keys.join(', ')}, min(e.bucket) AS begins, max(e.bucket) AS ends, ${relationFiguresSql('e')} FROM every AS e GROUP BY ${keys.join(', ')}
), sized AS (
  SELECT *, sum(c.bytes) OVER (PARTITION BY way = ${WAY.within}, peer) AS size, sum(c.bytes) OVER (PARTITION BY way = ${WAY.within}) AS whole FROM cells AS c
), placed AS (
  SELECT *, dense_rank() OVER (PARTITION BY way = ${WAY.within} ORDER BY size DESC, peer) AS place FROM sized
), parted AS (
  SELECT * EXCEPT (peer, size, whole, place), max(place) OVER (PARTITION BY way = ${WAY.within}) AS peers,
    multiIf(way = ${WAY.within}, ${PART.within}, toFloat64(size) >= {share:Float64} * toFloat64(whole) AND place <= {limit:UInt32}, ${PART.peer}, ${PART.rest}) AS part,
    if(part = ${PART.peer}, peer, 0) AS listed
  FROM placed
), grouped AS (
  SELECT part, listed, way, service, server, locality, inSegment,
    multiIf(grouping(way) = 0, 'way', grouping(service) = 0, 'service', grouping(locality) = 0, 'locality', grouping(inSegment) = 0, 'segment', 'all') AS level,
    toUInt32(min(p.begins)) AS first, toUInt32(max(p.ends)) AS last, max(p.peers) AS peers, ${relationFiguresSql('p')}
  FROM parted AS p
  GROUP BY GROUPING SETS ((part, listed), (part, listed, way), (part, listed, service, server), (part, listed, locality), (part, listed, inSegment))
)
SELECT part, toString(listed) AS peer, level, way, toString(g.service) AS service, server, locality, inSegment, first, last, toString(g.peers) AS peers, toString(groups) AS groups, ${RELATION_FIGURES.map(name => `g.${name} AS ${name}`).join(', ')}
FROM (
  SELECT *, count() OVER (PARTITION BY part, listed, level) AS groups, row_number() OVER (PARTITION BY part, listed, level ORDER BY bytes DESC, service, server) AS place FROM grouped
) AS g
WHERE level != 'service' OR (part = ${PART.peer} AND place <= {services:UInt32})
ORDER BY part, if(level = 'all', 0, 1), g.bytes DESC, peer`;
  return { sql, params: { ...relation.params, ...subject.condition.params, share, limit, services } };
}

const SERVERS = ['unknown', 'of', 'peer'] as const;

/** From rows to the answer. */
export class Shaping {
  readonly #subject: Subject;
  readonly #rows: ReadonlyMap<string, readonly Row[]>;
  readonly #observed: Observed;
  readonly #name: NameValue;
  readonly #total: Sums;

  constructor(subject: Subject, rows: readonly Row[], observed: Observed, name: NameValue) {
    this.#subject = subject;
    this.#rows = Map.groupBy(rows, ({ part, peer }) => `${part} ${peer}`);
    this.#observed = observed;
    this.#name = name;
    this.#total = [...this.#all(PART.peer), ...this.#all(PART.rest)].reduce<Sums>(addSums, NO_SUMS);
  }

  answer(seenOf: (row: Row) => SeenAnswer) {
    const [rest] = this.#all(PART.rest);
    const [within] = this.#all(PART.within);
    const peers = this.#all(PART.peer);
    const total = this.#estimate(this.#total);
    const moves = this.#moves([...peers, ...(rest ? [rest] : [])]);
    return {
      peers: peers.map(row => this.#peer(row, seenOf(row))),
      peerCount: Number((rest ?? peers[0])?.peers ?? 0),
      rest: {
        ...this.#estimate(rest ?? NO_SUMS),
        share: this.#share(rest ?? NO_SUMS),
        moves: this.#moves(rest ? [rest] : []),
      },
      within: this.#estimate(within ?? NO_SUMS),
      total,
      moves,
    };
  }

  /** The largest first. */
  #all(part: number): readonly Row[] {
    return [...this.#rows.values()].flatMap(rows => rows.filter(row => row.part === part && row.level === 'all'));
  }

  #of({ part, peer }: Row, level: Row['level']): readonly Row[] {
    return this.#rows.get(`${part} ${peer}`)!.filter(row => row.level === level);
  }

  #estimate(sums: Sums) {
    return estimateOf({ ...sums, ...NOT_RANKED }, 'bytes', this.#observed);
  }

  #share({ bytes }: Sums): number | null {
    const total = Number(this.#total.bytes);
    return total > 0 ? Number(bytes) / total : null;
  }

  #peer(row: Row, seen: SeenAnswer): Peer {
    const ways = this.#of(row, 'way');
    const [to, from] = [WAY.to, WAY.from].map(way => ways.find(one => one.way === way));
    const services = this.#of(row, 'service');
    return {
      peer: this.#name(this.#subject.columns[0], row.peer),
      direction: to && from ? 'both' : to ? 'to' : 'from',
      ...this.#estimate(row),
      share: this.#share(row),
      to: this.#estimate(to ?? NO_SUMS),
      from: this.#estimate(from ?? NO_SUMS),
      services: services.map(one => {
        const value = this.#name(SERVICE, one.service);
        const bytes = Number(one.bytes);
        return {
          ...{ ...value, title: serviceTitle(value.name), server: SERVERS[one.server] ?? 'unknown', bytes },
          share: Number(row.bytes) > 0 ? bytes / Number(row.bytes) : null,
        };
      }),
      serviceCount: Number(services[0]?.groups ?? 0),
      moves: this.#moves([row]),
      seen,
    };
  }

  #moves(rows: readonly Row[]): Boundaries {
    const isKnown = this.#estimate(this.#total).value !== null;
    const bytesOf = (level: Row['level'], fits: (row: Row) => boolean) => {
      const own = rows.flatMap(row => this.#of(row, level).filter(fits));
      return isKnown ? own.reduce((sum, { bytes }) => sum + Number(bytes), 0) : null;
    };
    const upTo = (...names: (typeof LOCALITIES)[number][]) =>
      bytesOf('locality', ({ locality }) => names.some(name => LOCALITY[name] === locality));
    return {
      host: upTo('same-vswitch', 'same-host'),
      rack: upTo('same-vswitch', 'same-host', 'same-rack'),
      site: upTo('same-vswitch', 'same-host', 'same-rack', 'cross-rack'),
      unknown: upTo('unknown'),
      segment: this.#subject.kind === 'vm' ? bytesOf('segment', ({ inSegment }) => inSegment === 1) : null,
    };
  }
}
