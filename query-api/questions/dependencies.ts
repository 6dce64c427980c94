// With whom an application or VM talks, both ways: what depends on it and what it depends on, before it is moved. Peers above a
// share of its bytes are listed, all others are one rest. Traffic with both ends in `of` is no dependency and is apart.

import { Type } from 'typebox';
import { rightForColumns } from '../access/rights.ts';
import { closed } from '../answers/answers.ts';
import type { FlatRow } from '../http/format-table.ts';
import { groupColumns } from '../sql/dimensions.ts';
import { queryTables } from '../sql/tables.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { type Boundaries, DependenciesAnswer, type Peer } from './dependencies-answer.ts';
import {
  dependenciesStatement,
  listedPeers,
  nameAll,
  peersOf,
  type Row,
  Shaping,
  segmentsOf,
} from './dependencies-rows.ts';
import { joined, readFirstSeen, seenIn, shapeSeen } from './first-seen.ts';
import { aboutWindow, ESTIMATE_KINDS, iso, observedOf } from './grouped.ts';
import { overallCoverage } from './overall-coverage.ts';
import { choice, format, Limit, windowFrom } from './parameters.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion } from './question.ts';
import { Of, SUBJECT_KINDS, shapeSubject, subjectOf } from './subject.ts';

const Parameters = Type.Object(
  {
    ...windowFrom('now-7d'),
    of: Of('whose peers are listed'),
    by: choice(SUBJECT_KINDS, { default: 'app', description: 'what `of` names, and what its peers are' }),
    share: Type.Number({
      ...{ default: 0.01, minimum: 0, maximum: 1 },
      description:
        'peers with at least this share of its bytes, both ways together, are listed; the others are the rest',
    }),
    limit: Limit(100, 1000, 'peers listed, the largest first; those beyond are in the rest too'),
    services: Limit(5, 50, 'services listed of each peer, the largest first'),
    format,
  },
  closed,
);

export const dependencies = defineQuestion({
  name: 'dependencies',
  right: rightForColumns,
  summary: 'With whom an application or VM talks, and what breaks where it moves',
  parameters: Parameters,
  answer: DependenciesAnswer,
  table: () => ({ kinds: KINDS, keys: ['peerKey', 'peer'] }),
  async respond(params, { storage, advisor, config, nowMs }) {
    const { by } = params;
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const subject = await subjectOf(storage, by, params.of);
    const columns = [...groupColumns(subject.columns), 'service', 'serverSide', 'locality', ...segmentsOf(subject)];
    const needs = { requested, metric: 'bytes', layer: 'l3', columns, condition: subject.condition } as const;
    const found = await queryTables<Row>(storage, needs, nowMs, context =>
      dependenciesStatement(subject, params, context),
    );
    const peers = listedPeers(found.rows);
    const [provisional, coverage, seen, name] = await Promise.all([
      provisionalIn(storage, found.window),
      overallCoverage({ storage, advisor, nowMs }, found),
      readFirstSeen(storage, { ...peersOf(subject), values: peers.map(({ peer }) => peer) }),
      nameAll(storage, subject, found.rows),
    ]);
    const shaped = new Shaping(subject, found.rows, observedOf(found), name).answer(row =>
      shapeSeen(joined(seen.get(row.peer), seenIn(row, found.window.resolutionS)), found.firstS),
    );
    return {
      answer: {
        ...aboutWindow(found, { metric: 'bytes', layer: 'l3', provisional, config, nowMs }),
        ...shapeSubject(subject, name),
        ...shaped,
        historySince: found.firstS === undefined ? null : iso(found.firstS * 1000),
        coverage,
      },
      kinds: KINDS,
      rows: () => [...shaped.peers.map(flatPeer), flatRest(shaped.rest)],
    };
  },
});

const KINDS = {
  peerKey: 'text',
  peer: 'text',
  direction: 'text',
  ...ESTIMATE_KINDS,
  share: 'number',
  to: 'number',
  from: 'number',
  services: 'text',
  movesHost: 'number',
  movesRack: 'number',
  movesSite: 'number',
  movesUnknown: 'number',
  movesSegment: 'number',
  first: 'text',
  firstSec: 'number',
  last: 'text',
  lastSec: 'number',
} as const;

function flatMoves({ host, rack, site, unknown, segment }: Boundaries): FlatRow {
  return { movesHost: host, movesRack: rack, movesSite: site, movesUnknown: unknown, movesSegment: segment };
}

function flatPeer({ peer, to, from, services, moves, seen, ...one }: Peer): FlatRow {
  const { first, firstSec, last, lastSec } = seen;
  return {
    ...{ peerKey: peer.key, peer: peer.name, direction: one.direction },
    ...{ value: one.value, ciLow: one.ciLow, ciHigh: one.ciHigh, samples: one.samples, method: one.method },
    ...{ share: one.share, to: to.value, from: from.value, services: services.map(({ name }) => name).join(' ') },
    ...{ ...flatMoves(moves), first, firstSec, last, lastSec },
  };
}

function flatRest({ moves, ...rest }: DependenciesAnswer['rest']): FlatRow {
  const none = { to: null, from: null, services: null, first: null, firstSec: null, last: null, lastSec: null };
  return { peerKey: null, peer: 'rest', direction: null, ...rest, ...flatMoves(moves), ...none };
}
