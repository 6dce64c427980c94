// What would change if an applications document came into force: the question to whoever can enrich, and its answer.

import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const Node = Type.Object(
  { key: Type.String({ description: 'node key, 16 hexadecimal digits' }), name: Type.String() },
  closed,
);
const Cell = Type.Object({ src: Node, dst: Node }, closed);
const Share = Type.Number({ minimum: 0, maximum: 1 });
export const DocumentWarning = Type.Object(
  { path: Type.String({ description: 'JSON pointer into the document' }), message: Type.String() },
  closed,
);
export type DocumentWarning = Static<typeof DocumentWarning>;

export const ApplicationsPreview = Type.Object(
  {
    from: Type.String({ format: 'date-time' }),
    to: Type.String({ format: 'date-time' }),
    bytes: Type.Number({ description: 'counted bytes of the window' }),
    examinedShare: Type.Union([Share, Type.Null()], {
      description: 'share of them that was classified anew; the smallest conversations are left out. null: no traffic',
    }),
    conversations: Type.Integer({ description: 'groups of records that were classified anew' }),
    movedShare: Type.Union([Share, Type.Null()], {
      description: 'share of the examined bytes that would stand in another cell of the matrix',
    }),
    serviceMovedShare: Type.Union([Share, Type.Null()], {
      description: 'share of the examined bytes that would have another service',
    }),
    unclassifiedShare: Type.Object(
      { before: Type.Union([Share, Type.Null()]), after: Type.Union([Share, Type.Null()]) },
      { ...closed, description: 'share of the examined bytes with an automatic or ambiguous node at an end' },
    ),
    moves: Type.Array(Type.Object({ before: Node, after: Node, bytes: Type.Number(), share: Share }, closed), {
      description: 'ends of traffic that would go from one node to another, the largest first',
    }),
    cells: Type.Array(Type.Object({ before: Cell, after: Cell, bytes: Type.Number(), share: Share }, closed), {
      description: 'cells that would change, the largest first',
    }),
    applications: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          key: Type.String(),
          name: Type.String(),
          path: Type.Union([Type.String(), Type.Null()], {
            description: 'in the proposed document; null when it is gone',
          }),
          before: Type.Number({ description: 'bytes at either end' }),
          after: Type.Number(),
          gained: Type.Number(),
          lost: Type.Number(),
        },
        closed,
      ),
      { description: 'every application of either document' },
    ),
    warnings: Type.Array(DocumentWarning, {
      description:
        'what has no effect: selectors that match nothing, rules behind others, applications without traffic',
    }),
    elapsedMs: Type.Number(),
  },
  closed,
);
export type ApplicationsPreview = Static<typeof ApplicationsPreview>;

export interface PreviewRequest {
  /** The proposed document, checked, as text: it may have 64 MiB, and crosses to another thread. */
  readonly proposed: string;
  readonly fromMs: number;
  readonly toMs: number;
}
