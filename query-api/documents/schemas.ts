// JSON Schemas of the documents, for editors: no token, because they are the same in every installation, and beside the API,
// because they are files.

import { DOCUMENT_NAMES, documentSchema } from '../../schemas/document-schemas.ts';
import type { Routes } from '../http/routes.ts';

export function registerDocumentSchemas(app: Routes): void {
  for (const name of DOCUMENT_NAMES)
    app.get(`/schemas/${name}.schema.json`, { config: { right: 'nothing' }, schema: { hide: true } }, async () =>
      documentSchema(name),
    );
}
