// Faults of a document against its schema. The compiled check says in milliseconds whether there are any; naming them walks
// over everything at 40 us an entity. So entities that fit are left out before: of 120,000 exporters with one fault, one is
// walked over.

import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Schema } from './schema-walk.ts';

export interface SchemaError {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

interface Validator {
  Check(value: unknown): boolean;
  Errors(value: unknown): SchemaError[];
}

export class SchemaFaults {
  readonly #schema: Schema;
  readonly #validator: Validator;
  /** Of the items of each list of the document; compiled when the first document is refused. */
  #items: ReadonlyMap<string, Validator> | undefined;

  constructor(schema: TSchema, validator: Validator) {
    this.#schema = schema as Schema;
    this.#validator = validator;
  }

  /** At most `max` entities of a list are looked into. */
  errors(document: unknown, max: number): SchemaError[] {
    if (this.#validator.Check(document)) return [];
    if (typeof document !== 'object' || document === null || Array.isArray(document))
      return this.#validator.Errors(document);
    const reduced: Record<string, unknown> = { ...document };
    const positions = new Map<string, readonly number[]>();
    this.#items ??= compileItems(this.#schema);
    for (const [name, validator] of this.#items) {
      const list = reduced[name];
      if (!Array.isArray(list)) continue;
      const wrong: number[] = [];
      for (let i = 0; i < list.length && wrong.length < max; i++) if (!validator.Check(list[i])) wrong.push(i);
      positions.set(name, wrong);
      reduced[name] = wrong.map(i => list[i]);
    }
    return this.#validator
      .Errors(reduced)
      .map(error => ({ ...error, instancePath: placeIn(positions, error.instancePath) }));
  }
}

function compileItems({ properties = {} }: Schema): Map<string, Validator> {
  const items = new Map<string, Validator>();
  for (const [name, schema] of Object.entries(properties)) {
    // A list that has rules of its own, as of its length, is looked at whole.
    const {
      type,
      items: item,
      default: _,
      description: _about,
      ...rules
    } = schema as Schema & { description?: string };
    const isPlain = type === 'array' && item !== undefined && !Array.isArray(item) && Object.keys(rules).length === 0;
    if (isPlain) items.set(name, Compile(item as TSchema) as unknown as Validator);
  }
  return items;
}

/** `/exporters/0/name` of the reduced document is `/exporters/4711/name`. */
function placeIn(positions: ReadonlyMap<string, readonly number[]>, path: string): string {
  const [, name = '', index, ...rest] = path.split('/');
  const at = index === undefined ? undefined : positions.get(name)?.[Number(index)];
  return at === undefined ? path : ['', name, at, ...rest].join('/');
}
