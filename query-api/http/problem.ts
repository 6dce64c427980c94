// What the API answers when a question cannot be answered: an RFC 9457 problem document that names every parameter at
// fault and says what is allowed there.

import { type Static, Type } from 'typebox';
import type { DocumentError } from '../../schemas/documents.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

export interface ParameterFault {
  readonly parameter: string;
  /** What is wrong and what is allowed. */
  readonly reason: string;
}

export const ProblemDocument = Type.Object(
  {
    type: Type.String({ description: 'stable name of the kind of problem' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    parameters: Type.Optional(Type.Array(Type.Object({ parameter: Type.String(), reason: Type.String() }))),
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

/** A question that cannot be answered as asked. */
export class QuestionError extends Error {
  readonly faults: readonly ParameterFault[];
  constructor(faults: readonly ParameterFault[]) {
    super(faults.map(fault => `${fault.parameter}: ${fault.reason}`).join('; '));
    this.faults = faults;
  }
}

/** Anything else that ends in a problem document of its own. */
export class HttpProblem extends Error {
  readonly document: ProblemDocument;
  constructor(status: number, name: string, title: string, detail: string) {
    super(detail);
    this.document = { type: `urn:hairpin:problem:${name}`, title, status, detail };
  }
}

/** A document that is refused whole. */
export function documentProblem(error: DocumentError): ProblemDocument {
  const { faults } = error;
  return {
    type: 'urn:hairpin:problem:document-invalid',
    title: 'The document is refused; nothing of it was applied',
    status: 422,
    detail: error.message.split('\n').slice(0, DETAIL_LINES_MAX).join('\n'),
    faults: faults.map(({ path, message, line }) => ({ path, message, ...(line !== undefined && { line }) })),
  };
}

export function refuse(parameter: string, reason: string): never {
  throw new QuestionError([{ parameter, reason }]);
}

export function questionProblem(faults: readonly ParameterFault[]): ProblemDocument {
  return {
    type: 'urn:hairpin:problem:question-invalid',
    title: 'The question cannot be answered as asked',
    status: 400,
    detail: faults.map(fault => `${fault.parameter}: ${fault.reason}`).join('; '),
    parameters: faults.map(({ parameter, reason }) => ({ parameter, reason })),
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
