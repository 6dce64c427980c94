// Help for writing a filter: what may stand at the cursor, and whether a text is a filter.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { may, rightForColumns, rightToSee } from '../access/rights.ts';
import { closed } from '../answers/answers.ts';
import { completionAt, type Item, valueItems, type Wanted } from '../filter/completion.ts';
import { print } from '../filter/expression.ts';
import { TEXT_LENGTH_MAX } from '../filter/syntax.ts';
import { canonical } from '../filter/typing.ts';
import { ProblemDocument } from '../http/problem.ts';
import type { Routes } from '../http/routes.ts';
import type { DimensionColumn } from '../sql/dimensions.ts';
import { compileFilter, parseFilter, VOCABULARY } from '../sql/filter.ts';
import { NodeNames } from '../sql/node-names.ts';
import { SERVICE_NAMES } from '../sql/service-names.ts';
import { nodeResolver } from '../sql/values.ts';
import { filter, Limit } from './parameters.ts';

const CompleteParameters = Type.Object(
  {
    filter: Type.String({
      default: '',
      maxLength: TEXT_LENGTH_MAX,
      description: 'a filter, whole or in part; what is behind the position need not be one',
      examples: ['', 'src.app = we', 'app in (web, ', 'locality = cross and '],
    }),
    position: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: TEXT_LENGTH_MAX,
        description: 'the cursor, in UTF-16 code units from the start; left out: the end of the text',
      }),
    ),
    limit: Limit(20, 100, 'items listed'),
  },
  closed,
);
type CompleteParameters = Static<typeof CompleteParameters>;

const CompleteAnswer = Type.Object(
  {
    position: Type.Integer(),
    expected: Type.Array(Type.String(), { description: 'what may stand there: NAME and the like, or examples' }),
    items: Type.Array(
      Type.Object(
        {
          text: Type.String({ description: 'what to put in place of the part from `from` to `to`' }),
          kind: Type.Enum(['column', 'operator', 'value', 'word']),
          from: Type.Integer(),
          to: Type.Integer(),
        },
        closed,
      ),
      { description: 'what begins with the text before the cursor comes first' },
    ),
    more: Type.Boolean({ description: 'there are more than the limit' }),
    elapsedMs: Type.Number(),
  },
  closed,
);

const CheckParameters = Type.Object({ filter }, closed);

const CheckAnswer = Type.Object(
  {
    filter: Type.String({ description: 'the same filter in its canonical form; empty where it selects everything' }),
    columns: Type.Array(Type.String(), { description: 'columns that it reads' }),
  },
  closed,
);

const problems = { 400: ProblemDocument, 503: ProblemDocument };
const tags = ['questions'];

interface FilterDependencies {
  readonly storage: Storage;
  readonly nowMs: () => number;
}

export function registerFilters(app: Routes, { storage, nowMs }: FilterDependencies): void {
  const names = new NodeNames(storage, nowMs);
  registerComplete(app, names);
  registerCheck(app, storage);
}

/** Everybody may complete a filter; columns that the role may not filter by, and their values, are left out. */
function registerComplete(app: Routes, names: NodeNames): void {
  const summary = 'What may stand at a place of a filter';
  const schema = { summary, tags, querystring: CompleteParameters, response: { 200: CompleteAnswer, ...problems } };
  app.get('/api/v1/filters/complete', { config: { right: 'matrix' }, schema }, async (request, reply) => {
    const started = performance.now();
    reply.header('cache-control', 'no-store');
    const { filter: text, position = text.length, limit } = request.query as CompleteParameters;
    const cursor = Math.min(position, text.length);
    const { expected, wanted, items } = completionAt(text, cursor, VOCABULARY, columns => {
      const right = rightToSee(columns.map(({ reveals }) => reveals));
      return request.caller !== undefined && may(request.caller.role, right);
    });
    const looked = wanted ? await lookUp(names, wanted, limit) : { items: [], more: false };
    const all = [...looked.items, ...items];
    return {
      position: cursor,
      expected: [...expected],
      items: all.slice(0, limit),
      more: looked.more || all.length > limit,
      elapsedMs: Math.round((performance.now() - started) * 10) / 10,
    };
  });
}

async function lookUp(
  names: NodeNames,
  { column, typed, from, to }: Wanted<DimensionColumn>,
  limit: number,
): Promise<{ items: readonly Item[]; more: boolean }> {
  if (column.kind === 'service') {
    const items = typed === '' ? [] : valueItems(typed, SERVICE_NAMES.keys(), { from, to });
    return { items, more: items.length > limit };
  }
  if (column.kind !== 'node') return { items: [], more: false };
  const found = await names.find(column, typed, limit);
  return { items: valueItems(typed, found.names, { from, to }), more: found.more };
}

function registerCheck(app: Routes, storage: Storage): void {
  const summary = 'Whether a text is a filter, and its canonical form';
  const schema = { summary, tags, querystring: CheckParameters, response: { 200: CheckAnswer, ...problems } };
  app.get('/api/v1/filters/check', { config: { right: rightForColumns }, schema }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { filter: text } = request.query as Static<typeof CheckParameters>;
    const parsed = parseFilter('filter', text);
    const { columns } = await compileFilter('filter', parsed, nodeResolver(storage, 'filter'));
    const { expression } = parsed;
    return { filter: expression ? print(canonical(expression, VOCABULARY)) : '', columns: [...columns] };
  });
}
