// JSON Schemas of the documents, for editors: no token, because they are the same in every installation.

import { type Static, Type } from 'typebox';
import { DOCUMENT_NAMES, documentSchema } from '../../schemas/document-schemas.ts';
import { closed } from '../answers/answers.ts';
import type { Routes } from '../http/routes.ts';

const Parameters = Type.Object({ name: Type.Enum(DOCUMENT_NAMES) }, closed);

export function registerDocumentSchemas(app: Routes): void {
  const schema = {
    summary: 'JSON Schema of a document, for editors',
    tags: ['documents'],
    params: Parameters,
    response: { 200: Type.Unsafe<object>({ type: 'object', additionalProperties: true }) },
  };
  app.get<{ Params: Static<typeof Parameters> }>(
    '/api/v1/schemas/:name',
    { config: { right: 'nothing' }, schema },
    async request => documentSchema(request.params.name),
  );
}
