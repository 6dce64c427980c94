// What the API answers when a question cannot be answered: an RFC 9457 problem document that names every parameter at
// fault and says what is allowed there.

import { type Static, Type } from 'typebox';

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
  },
  { description: 'RFC 9457 problem document' },
);
export type ProblemDocument = Static<typeof ProblemDocument>;

/** Any other answer than the one asked for, in its own words. */
export class ProblemError extends Error {
  readonly problem: ProblemDocument;
  constructor(problem: ProblemDocument) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** A question that cannot be answered as asked. */
export class QuestionError extends Error {
  readonly faults: readonly ParameterFault[];
  constructor(faults: readonly ParameterFault[]) {
    super(faults.map(fault => `${fault.parameter}: ${fault.reason}`).join('; '));
    this.faults = faults;
  }
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
