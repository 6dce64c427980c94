// What the API answers when it cannot answer a request: an RFC 9457 problem document. Its title is the phrase of the HTTP
// status, its type names the kind of problem, its detail says what happened and what to do; every parameter at fault is
// named with what is allowed there.

import { STATUS_CODES } from 'node:http';
import { type Static, Type } from 'typebox';
import type { DocumentError } from '../../schemas/documents.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

export interface ParameterFault {
  readonly parameter: string;
  /** What is wrong and what is allowed. */
  readonly reason: string;
  /** Of a filter: where in its text, how many characters, and what may stand there. */
  readonly position?: number;
  readonly length?: number;
  readonly allowed?: readonly string[];
}

export const ProblemDocument = Type.Object(
  {
    type: Type.String({ description: 'stable name of the kind of problem' }),
    title: Type.String({ description: 'phrase of the HTTP status' }),
    status: Type.Integer(),
    detail: Type.String(),
    parameters: Type.Optional(
      Type.Array(
        Type.Object({
          parameter: Type.String(),
          reason: Type.String(),
          position: Type.Optional(
            Type.Integer({ description: 'of a filter: where in its text, in UTF-16 code units' }),
          ),
          length: Type.Optional(Type.Integer({ description: 'how much of the text is at fault; 0 at its end' })),
          allowed: Type.Optional(Type.Array(Type.String(), { description: 'what may stand there' })),
        }),
      ),
    ),
    reads: Type.Optional(
      Type.Object(
        {
          rows: Type.Number({ description: 'rows that it would read, estimated from the primary index' }),
          rowsMax: Type.Number({ description: 'rows that a statement may read (--query-rows-max)' }),
        },
        { description: 'of a request that would read too much' },
      ),
    ),
    remedies: Type.Optional(Type.Array(Type.String(), { description: 'what would make the request small enough' })),
    faults: Type.Optional(
      Type.Array(Type.Object({ path: Type.String(), message: Type.String(), line: Type.Optional(Type.Integer()) }), {
        description: 'every fault of a document that is refused; paths are JSON pointers into it',
      }),
    ),
  },
  { description: 'RFC 9457 problem document' },
);
export type ProblemDocument = Static<typeof ProblemDocument>;

/** Of the faults of a document in the text for people; all are in the list. */
const DETAIL_LINES_MAX = 21;

/** A request whose parameters cannot be used as they are. */
export class ParameterError extends Error {
  readonly faults: readonly ParameterFault[];
  constructor(faults: readonly ParameterFault[]) {
    super(faults.map(fault => `${fault.parameter}: ${fault.reason}`).join('; '));
    this.faults = faults;
  }
}

/** Anything else that ends in a problem document of its own. */
export class HttpProblem extends Error {
  readonly document: ProblemDocument;
  /** Seconds after which the same request may succeed (RFC 9110, Retry-After). */
  readonly retryAfterS: number | undefined;
  constructor(
    status: ProblemStatus,
    name: string,
    detail: string,
    { retryAfterS, ...more }: { retryAfterS?: number } & Pick<ProblemDocument, 'reads' | 'remedies'> = {},
  ) {
    super(detail);
    this.document = { ...problem(status, name, detail), ...more };
    this.retryAfterS = retryAfterS;
  }
}

/** Phrases of RFC 9110 and RFC 6585. */
const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const;
export type ProblemStatus = keyof typeof TITLES;

export function problem(status: ProblemStatus, name: string, detail: string): ProblemDocument {
  return { type: `urn:hairpin:problem:${name}`, title: TITLES[status], status, detail };
}

/** For a status that the server framework chose. */
export function unnamedProblem(status: number, detail: string): ProblemDocument {
  const title = TITLES[status as ProblemStatus] ?? STATUS_CODES[status] ?? 'Error';
  return { type: 'about:blank', title, status, detail };
}

/** A document that is refused whole. */
export function documentProblem(error: DocumentError): ProblemDocument {
  const { faults } = error;
  return {
    ...problem(422, 'document-invalid', error.message.split('\n').slice(0, DETAIL_LINES_MAX).join('\n')),
    faults: faults.map(({ path, message, line }) => ({ path, message, ...(line !== undefined && { line }) })),
  };
}

export function refuse(parameter: string, reason: string): never {
  throw new ParameterError([{ parameter, reason }]);
}

export function parameterProblem(faults: readonly ParameterFault[]): ProblemDocument {
  const detail = faults.map(fault => `${fault.parameter}: ${fault.reason}`).join('; ');
  return {
    ...problem(400, 'question-invalid', detail),
    parameters: faults.map(({ allowed, ...fault }) => ({ ...fault, ...(allowed && { allowed: [...allowed] }) })),
  };
}

interface ValidationError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** The faults a route schema found, in words. `known` are the parameters of the route. */
export function validationFaults(errors: readonly ValidationError[], known: readonly string[]): ParameterFault[] {
  return errors.map(({ keyword, instancePath, params, message = 'is not valid' }) => {
    const parameter = instancePath.split('/')[1] ?? '';
    if (keyword === 'additionalProperties')
      return {
        parameter: String(params['additionalProperty']),
        reason: `is not a parameter here; known are ${known.join(', ')}`,
      };
    if (keyword === 'required') return { parameter: String(params['missingProperty']), reason: 'is required' };
    if (keyword === 'enum')
      return { parameter, reason: `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` };
    return { parameter, reason: message };
  });
}
