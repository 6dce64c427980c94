// What the answer about dependencies holds.

import { type Static, Type } from 'typebox';
import { about, closed, estimate, NullableNumber, Sum, Value } from '../answers/answers.ts';
import { ServiceTitle } from '../sql/service-titles.ts';
import { SeenAnswer } from './first-seen.ts';
import { subjectAnswer } from './subject.ts';

const Service = Type.Object(
  {
    ...Value.properties,
    title: ServiceTitle,
    server: Type.Enum(['of', 'peer', 'unknown'], {
      description: 'who serves: of: the peer depends on it; peer: it depends on the peer',
    }),
    bytes: Sum('bytes of both ways'),
    share: NullableNumber('of the bytes with this peer'),
  },
  closed,
);

export const Boundaries = Type.Object(
  {
    host: NullableNumber('bytes that stay inside a host now: another host makes them use its access link'),
    rack: NullableNumber('bytes that stay inside a rack now, the former included'),
    site: NullableNumber('bytes that stay inside a site now, the former included'),
    unknown: NullableNumber('bytes of which the inventory does not place both ends'),
    segment: NullableNumber(
      'bytes between ends of one segment: where it moves to another, addresses change or the segment is stretched; null of by=app, which knows no segments',
    ),
  },
  {
    ...closed,
    description:
      'what crosses a boundary that it does not cross now, where it moves to another host, rack, site or segment; null where nothing is known of the window',
  },
);
export type Boundaries = Static<typeof Boundaries>;

export const Peer = Type.Object(
  {
    peer: Value,
    direction: Type.Enum(['both', 'to', 'from'], { description: 'to: only to the peer, from: only from it' }),
    ...estimate,
    share: NullableNumber('of the bytes with all peers'),
    to: Type.Object(estimate, { ...closed, description: 'what it sends to the peer' }),
    from: Type.Object(estimate, { ...closed, description: 'what it receives from the peer' }),
    services: Type.Array(Service),
    serviceCount: Type.Integer({ description: 'services there are' }),
    moves: Boundaries,
    seen: SeenAnswer,
  },
  closed,
);
export type Peer = Static<typeof Peer>;

export const DependenciesAnswer = Type.Object(
  {
    ...about,
    ...subjectAnswer,
    peers: Type.Array(Peer, { description: 'the largest first' }),
    peerCount: Type.Integer({ description: 'peers there are, the rest included' }),
    rest: Type.Object(
      { ...estimate, share: NullableNumber('of the bytes with all peers'), moves: Boundaries },
      { ...closed, description: 'all other peers together' },
    ),
    within: Type.Object(estimate, { ...closed, description: 'traffic with both ends in `of`' }),
    total: Type.Object(estimate, { ...closed, description: 'with all peers, both ways' }),
    moves: { ...Boundaries, description: 'of all peers together' },
    historySince: about.recordsSince,
    coverage: NullableNumber(
      'of the pairs of running VMs and the covered time, the share with a live canonical point; below 1 a dependency may be missing',
    ),
  },
  closed,
);
export type DependenciesAnswer = Static<typeof DependenciesAnswer>;
