// The OpenAPI document as it is true: routes state what they check and answer; what the server does for all of them is added
// here. A parameter with a default is optional, what is not 2xx is a problem document, a table is a type of its own, and the
// statuses that no route states are listed.

import { CONTENT_TYPES, type TableFormat } from './format-table.ts';
import { PROBLEM_TYPE, ProblemDocument } from './problem.ts';

type Schema = Readonly<Record<string, unknown>>;
interface Response {
  description: string;
  content?: Record<string, { schema: Schema }>;
}
interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema?: Schema;
}
interface Operation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }>; required?: boolean };
  responses: Record<string, Response>;
}
interface Document {
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

const METHODS = ['get', 'put', 'post', 'delete'] as const;
const PROBLEM = PROBLEM_TYPE.split(';')[0]!;
const PROBLEM_REF = { $ref: '#/components/schemas/Problem' };

/** What the server answers before a route does (access/protection.ts, failures.ts). */
const ALWAYS: Readonly<Record<string, string>> = {
  400: 'a parameter, the URL or the request itself is not valid',
  403: 'the page of another site, or another Host than localhost without tokens',
  429: 'more requests a minute than one caller may send',
  431: 'URL and headers are too long',
  500: 'an unexpected error; the log has it',
};
const WITH_TOKENS: Readonly<Record<string, string>> = {
  401: 'no valid token',
  403: 'the role of the token does not include this request, or the page of another site sent it',
};
const WITH_BODY: Readonly<Record<string, string>> = {
  413: 'the body is too large',
  415: 'the content type or encoding of the body is not supported',
};

/** Bodies that are documents are read and checked whole, behind the schemas of routes (http/body.ts). */
const DOCUMENT_BODY = {
  required: true,
  content: { 'application/json': { schema: { type: 'object' } }, 'application/yaml': { schema: { type: 'object' } } },
};

function takesDocument(method: (typeof METHODS)[number], path: string): boolean {
  return method === 'put' || (method === 'post' && /\/(preview|adopt)$/.test(path));
}

/** `isOpen`: the path needs no token. */
export function truthful<D extends object>(document: D, tokensRequired: boolean, isOpen: (path: string) => boolean): D {
  const { paths = {}, components = {} } = document as Document;
  for (const [path, item] of Object.entries(paths))
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      for (const parameter of operation.parameters ?? [])
        if (parameter.schema && 'default' in parameter.schema) parameter.required = false;
      const needsToken = tokensRequired && !isOpen(path);
      addStatuses(operation, {
        ...ALWAYS,
        ...(needsToken && WITH_TOKENS),
        ...(method === 'put' || method === 'post' ? WITH_BODY : {}),
      });
      addTables(operation);
      if (takesDocument(method, path)) operation.requestBody ??= DOCUMENT_BODY;
    }
  return {
    ...document,
    components: { ...components, schemas: { ...components.schemas, Problem: { ...ProblemDocument } } },
  };
}

function addStatuses(operation: Operation, more: Readonly<Record<string, string>>): void {
  for (const [status, description] of Object.entries(more)) operation.responses[status] ??= { description };
  for (const [status, response] of Object.entries(operation.responses)) {
    if (Number(status) < 400 || isHealth(response)) continue;
    const { description } = response;
    operation.responses[status] = {
      description: description === 'Default Response' ? (more[status] ?? 'problem document') : description,
      content: { [PROBLEM]: { schema: PROBLEM_REF } },
    };
  }
}

/** /readyz answers 503 with what is missing, in the shape of its 200. */
function isHealth({ content }: Response): boolean {
  const schema = content?.['application/json']?.schema as { properties?: object } | undefined;
  return schema?.properties !== undefined && 'dependencies' in schema.properties;
}

const TABLES: Readonly<Record<TableFormat, string>> = {
  jsonl: 'a JSON object a line',
  csv: 'RFC 4180, the first line has the names',
  arrow: 'Arrow IPC stream',
  parquet: 'Apache Parquet',
};

/** A question with `format` answers with a table too. */
function addTables({ parameters = [], responses }: Operation): void {
  const answer = responses['200'];
  if (!answer?.content || !parameters.some(({ name }) => name === 'format')) return;
  for (const [format, description] of Object.entries(TABLES) as [TableFormat, string][]) {
    const binary = format === 'arrow' || format === 'parquet';
    const schema = { type: 'string', ...(binary && { format: 'binary' }), description };
    answer.content[CONTENT_TYPES[format].split(';')[0]!] = { schema };
  }
}
