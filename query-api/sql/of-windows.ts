// One statement over the rows of one window, or of two that are compared: the same SELECT of each, side by side. Rows of the
// second have `isThen` = 1. The names of its bound parameters are its own.

import type { Metric } from '../answers/metric.ts';
import type { Context, Statement } from './tables.ts';

/** The second is the one that the first is compared with; one of which nothing can be stored whole is undefined. */
export type Contexts = readonly (Context | undefined)[];

const OF_THEN = 'then_';

export function ofWindows(contexts: Contexts, statement: (context: Context) => Statement): Statement {
  const parts: Statement[] = [];
  for (const [i, context] of contexts.entries()) {
    if (!context) continue;
    const { sql, params } = i === 0 ? statement(context) : renamed(statement(context));
    parts.push({ sql: `SELECT *, toUInt8(${i}) AS isThen FROM (${sql})`, params });
  }
  return {
    sql: parts.map(({ sql }) => sql).join('\nUNION ALL\n'),
    params: Object.assign({}, ...parts.map(({ params }) => params)),
  };
}

function renamed({ sql, params }: Statement): Statement {
  return {
    sql: sql.replace(/\{(\w+):/g, (bound, name: string) => (name in params ? `{${OF_THEN}${name}:` : bound)),
    params: Object.fromEntries(Object.entries(params).map(([name, value]) => [`${OF_THEN}${name}`, value])),
  };
}

/** What turns the column that a metric is ordered by into its unit: windows of different length are compared by their rates. */
export function scaleSql(metric: Metric, contexts: Contexts): string {
  const scaleOf = (context: Context | undefined) => {
    const seconds = context?.covered.rateSeconds ?? 0;
    return metric !== 'avgBps' ? 1 : seconds > 0 ? 8 / seconds : 0;
  };
  return `if(isThen, toFloat64(${scaleOf(contexts[1])}), toFloat64(${scaleOf(contexts[0])}))`;
}
