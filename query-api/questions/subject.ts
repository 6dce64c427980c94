// Whom a question is about: the parameter `of`, names as in filters, as nodes of one dimension; and which rows have it as an end.

import { Type } from 'typebox';
import { NODE_CLASSES, type NodeClass } from '../../schemas/keys.ts';
import type { Storage } from '../../storage/storage.ts';
import { Value } from '../answers/answers.ts';
import { refuse } from '../http/problem.ts';
import { type DimensionColumn, groupColumns, groupSql, pairOf } from '../sql/dimensions.ts';
import { type Condition, explicitNode, parseValues } from '../sql/filter.ts';
import { type NameValue, nodeResolver } from '../sql/values.ts';

export const SUBJECT_KINDS = ['app', 'vm'] as const;
type SubjectKind = (typeof SUBJECT_KINDS)[number];
const KIND_NAMES: Readonly<Record<SubjectKind, string>> = { app: 'application', vm: 'VM or endpoint' };

/** Classes of the nodes that a column may hold. */
const CLASSES: Readonly<Record<SubjectKind, readonly NodeClass[]>> = {
  app: ['explicit', 'application', 'autoGroup', 'autoPrefix4', 'autoPrefix6', 'autoPrefixOfSegment'],
  vm: ['explicit', 'vm', 'endpoint'],
};
/** Nodes that an answer names as its subject; it is about all of them. */
export const NAMED_MAX = 100;

export const Of = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: 2000,
    description: `${description}: a name, a glob (\`web-*\`) or a key, several joined by \`|\`, which count as one`,
    examples: ['web'],
  });

export interface Subject {
  readonly kind: SubjectKind;
  readonly columns: readonly [DimensionColumn, DimensionColumn];
  readonly keys: readonly bigint[];
  /** Whether the sender of a row is of it, and whether the receiver is. */
  readonly sends: (prefix?: string) => string;
  readonly receives: (prefix?: string) => string;
  /** Rows with it at either end. */
  readonly condition: Condition;
}

/** What an answer says of its subject. */
export const subjectAnswer = {
  of: Type.Array(Value, { description: `nodes it is about, as one; at most ${NAMED_MAX} are named` }),
  ofCount: Type.Integer(),
  by: Type.Enum([...SUBJECT_KINDS] as unknown as typeof SUBJECT_KINDS),
};

export function shapeSubject({ kind, columns, keys }: Subject, name: NameValue) {
  return { of: keys.slice(0, NAMED_MAX).map(key => name(columns[0], String(key))), ofCount: keys.length, by: kind };
}

/** Refuses names that no node of the kind has. */
export async function subjectOf(storage: Storage, kind: SubjectKind, text: string): Promise<Subject> {
  const names = parseValues('of', text);
  const found = await nodeResolver(storage, 'of')(names.filter(name => explicitNode(name) === undefined));
  const classes = CLASSES[kind].map(name => BigInt(NODE_CLASSES[name]));
  const keysOf = (name: string) =>
    (explicitNode(name) ?? found.get(name) ?? []).filter(key => classes.includes(key >> 56n));
  for (const name of names) {
    if (keysOf(name).length > 0) continue;
    const others =
      (found.get(name) ?? []).length > 0 ? `; something else has this name, by=${other(kind)} perhaps` : '';
    refuse(
      'of',
      `no ${KIND_NAMES[kind]} is named "${name.slice(0, 100)}"${others}; /api/v1/filters/complete lists names`,
    );
  }
  const keys = [...new Set(names.flatMap(keysOf))];
  const columns = pairOf('by', kind);
  const isOf = (column: DimensionColumn) => (prefix: string) => `${groupSql(column, prefix)} IN {of:Array(UInt64)}`;
  const [sends, receives] = [isOf(columns[0]), isOf(columns[1])];
  return {
    ...{ kind, columns, keys, sends: (prefix = '') => sends(prefix), receives: (prefix = '') => receives(prefix) },
    condition: {
      sql: `(${sends('')} OR ${receives('')})`,
      params: { of: keys },
      columns: groupColumns(columns),
    },
  };
}

function other(kind: SubjectKind): SubjectKind {
  return kind === 'app' ? 'vm' : 'app';
}
