// Documents over the API: inventory snapshots and the exporter registry, accepted whole or refused whole. Enrichers apply
// what is recorded here when they read it.

import type { FastifyInstance } from 'fastify';
import { readBodies } from '../http/body.ts';
import { registerComparisons } from './comparisons.ts';
import { registerEntities } from './entities.ts';
import { registerRegistry } from './registry.ts';
import { registerDocumentSchemas } from './schemas.ts';
import { registerSnapshots } from './snapshots.ts';
import { type DocumentDependencies, SerialWriter } from './writer.ts';

export function registerDocuments(app: FastifyInstance, dependencies: DocumentDependencies): void {
  app.register(async scope => {
    readBodies(scope, dependencies.config.snapshotBytesMax);
    const writer = new SerialWriter(dependencies.documents);
    registerSnapshots(scope, dependencies, writer);
    registerRegistry(scope, dependencies, writer);
    registerComparisons(scope, dependencies);
    registerEntities(scope, dependencies);
    registerDocumentSchemas(scope);
  });
}
