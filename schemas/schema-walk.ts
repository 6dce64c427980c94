// Ways through a JSON Schema by the path of a document: what may stand at a place, and a value that fits there.

export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema | readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly minItems?: number;
  /** What a text that must match a pattern is, for people: our own keyword. */
  readonly expected?: string;
}

/** The schemas that may hold at `keys`: several where a union leaves it open, none where nothing may stand. */
export function schemasAt(schema: Schema, keys: readonly string[]): readonly Schema[] {
  if (schema.anyOf) return schema.anyOf.flatMap(branch => schemasAt(branch, keys));
  const [key, ...rest] = keys;
  if (key === undefined) return [schema];
  const items = Array.isArray(schema.items) ? schema.items[Number(key)] : schema.items;
  const next = schema.properties?.[key] ?? items;
  return next === undefined ? [] : schemasAt(next as Schema, rest);
}

/** Keys that an object at `keys` may have. */
export function keysAt(schema: Schema, keys: readonly string[]): readonly string[] {
  return [...new Set(schemasAt(schema, keys).flatMap(one => Object.keys(one.properties ?? {})))];
}

/** The smallest value of a schema, near to `value` where one stood there; texts are its own, so that no two are alike. */
export function placeholderOf(schema: Schema, value: unknown, serial: () => number): unknown {
  if (schema.anyOf) return placeholderOf(schema.anyOf[0]!, value, serial);
  if (schema.default !== undefined) return structuredClone(schema.default);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  switch (schema.type) {
    case 'string':
      return typeof value === 'number' || typeof value === 'boolean' ? String(value) : `placeholder-${serial()}`;
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 0, 0);
    case 'boolean':
      return false;
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, (_, i) => {
        const item = Array.isArray(schema.items) ? schema.items[i] : schema.items;
        return placeholderOf((item ?? {}) as Schema, undefined, serial);
      });
    case 'object': {
      const required = schema.required ?? [];
      return Object.fromEntries(
        required.map(key => [key, placeholderOf(schema.properties?.[key] ?? {}, undefined, serial)]),
      );
    }
    default:
      return undefined;
  }
}
