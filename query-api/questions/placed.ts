// What answers about links say of the traffic that they could not put on a link, and how a link is written.

import { type Static, Type } from 'typebox';
import { keyToHex } from '../../schemas/keys.ts';
import {
  LINK_KINDS,
  type LinkSide,
  type MovedVm,
  type NamedVm,
  type PairChange,
  type Placed,
  UNPLACED_REASONS,
} from '../../schemas/planning.ts';
import { closed, NullableTime, Sum } from '../answers/answers.ts';
import { wordsOf } from '../sql/values.ts';
import { iso } from './grouped.ts';

export const Side = Type.Object(
  {
    kind: Type.Enum(['host', 'switch', 'endpoint', 'other', 'outside']),
    id: Type.String({ description: 'as in the inventory; of `other` the name that ports state' }),
    ports: Type.Array(
      Type.Object(
        {
          ifIndex: Type.Optional(Type.Integer()),
          name: Type.Optional(Type.String({ description: 'of the port, or id of the pNIC' })),
          lag: Type.Optional(Type.Integer({ description: 'ifIndex of the LAG that it is a member of' })),
        },
        closed,
      ),
    ),
  },
  closed,
);

export const Kind = Type.Enum([...LINK_KINDS] as unknown as typeof LINK_KINDS, {
  description:
    'access: pNICs of a host and their port, a LAG as one; endpoint: another endpoint and its port; switch: all cables between two switches; other: a port to something that is only a name; external: a port that the registry calls external',
});

export const PlacedAnswer = Type.Object(
  {
    bytes: Sum('bytes counted in the covered time; the sum of the following'),
    onLinks: Sum('bytes of pairs whose links are known'),
    inside: Sum('bytes that stay inside a host'),
    unplaced: Type.Array(
      Type.Object(
        {
          reason: Type.Enum([...UNPLACED_REASONS] as unknown as typeof UNPLACED_REASONS, {
            description:
              'no-inventory: what held then is not known; unknown-end: an end that the inventory does not have; no-host: a VM without a host there; not-cabled: the inventory does not say at which port; several-attachments: an end has several vNICs or vSwitches on different cables; no-path: switches that the inventory does not connect; no-external-port: the registry names no port to the outside; multicast; beyond-limit: of more than 250,000 pairs the smallest',
          }),
          bytes: Sum('bytes'),
          pairs: Type.Integer(),
        },
        closed,
      ),
      { description: 'bytes whose links are not known' },
    ),
    slices: Type.Object(
      {
        found: Type.Integer({ description: 'parts of the window with a wiring of their own' }),
        examined: Type.Integer({
          description: 'fewer than found: moments at equal distance stand for the window',
        }),
      },
      closed,
    ),
    inventoryAsOf: NullableTime('asOf of the newest inventory used'),
  },
  { ...closed, description: 'what became of the bytes of the window' },
);
export type PlacedAnswer = Static<typeof PlacedAnswer>;

export function shapePlaced({ bytes, onLinks, inside, unplaced, slices, asOfMs }: Placed): PlacedAnswer {
  return { bytes, onLinks, inside, unplaced: [...unplaced], slices, inventoryAsOf: asOfMs > 0 ? iso(asOfMs) : null };
}

export const Named = Type.Object(
  { key: Type.String({ description: '16 hexadecimal digits' }), name: Type.String() },
  closed,
);

export function namedOf({ key, name }: NamedVm): Static<typeof Named> {
  return { key: keyToHex(wordsOf(key)), name };
}

export const Moved = Type.Object(
  { ...Named.properties, from: Type.String({ description: 'id of its host' }), to: Type.String() },
  closed,
);

export function movedOf({ from, to, ...vm }: MovedVm): Static<typeof Moved> {
  return { ...namedOf(vm), from, to };
}

export const PairBytes = Type.Object(
  { src: Named, dst: Named, bytes: Sum('bytes counted from src to dst in the window') },
  closed,
);

export function pairBytesOf({ src, dst, bytes }: PairChange): Static<typeof PairBytes> {
  return { src: namedOf(src), dst: namedOf(dst), bytes };
}

/** A link's end as the answer has it. */
export function sideOf({ kind, id, ports }: LinkSide): Static<typeof Side> {
  return { kind, id, ports: ports.map(port => ({ ...port })) };
}

/** `leaf-1/5+6`, `h1/vmnic0`: for a table. */
export function sideText({ id, ports }: LinkSide): string {
  const names = ports.map(({ ifIndex, name }) => ifIndex ?? name);
  return names.length === 0 ? id : `${id}/${names.join('+')}`;
}
