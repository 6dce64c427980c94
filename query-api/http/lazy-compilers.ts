// The functions that check requests and write answers, compiled from the schemas of a route when it is first used. Compiling
// those of all routes takes half of the CPU time of starting the API, and an installation uses few of them in its first minute.

import ajvCompiler from '@fastify/ajv-compiler';
import serializerCompiler from '@fastify/fast-json-stringify-compiler';

type BuildValidator = ReturnType<typeof ajvCompiler>;
type BuildSerializer = ReturnType<typeof serializerCompiler>;
/** Says what is wrong by its property `errors`. */
type Validator = ReturnType<ReturnType<BuildValidator>>;
type Serializer = ReturnType<ReturnType<BuildSerializer>>;

const buildValidator: BuildValidator = (...given) => {
  const compile = ajvCompiler()(...given);
  return (...route) => {
    let compiled: Validator | undefined;
    const validate = (data: unknown) => {
      compiled ??= compile(...route);
      const outcome = compiled(data);
      validate.errors = compiled.errors;
      return outcome;
    };
    validate.errors = undefined as Validator['errors'];
    return validate as Validator;
  };
};

const buildSerializer: BuildSerializer = (...given) => {
  const compile = serializerCompiler()(...given);
  return route => {
    let compiled: Serializer | undefined;
    return document => {
      compiled ??= compile(route);
      return compiled(document);
    };
  };
};

/** For the option `schemaController` of fastify. */
export const LAZY_COMPILERS = { compilersFactory: { buildValidator, buildSerializer } };
