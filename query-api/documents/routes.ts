// Documents by API: inventory snapshots and the exporter registry, taken whole or refused whole. What is recorded here
// comes into force where the enrichers read it.

import type { FastifyInstance } from 'fastify';
import type { Storage } from '../../storage/storage.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import type { Heartbeat } from '../../storage/tables/heartbeats.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { readBodies } from '../http/body.ts';
import { HttpProblem } from '../http/problem.ts';
import { registerEntities } from './entities.ts';
import { registerRegistry } from './registry.ts';
import { registerSnapshots } from './snapshots.ts';

/** Who writes documents; everything else the API does is reading. */
export interface DocumentWriter {
  insert(version: DocumentVersion): Promise<void>;
  insertHeartbeat(heartbeat: Heartbeat): Promise<void>;
}

export interface DocumentDependencies {
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly nowMs: () => number;
  readonly documents: DocumentWriter | undefined;
}

export function registerDocuments(app: FastifyInstance, dependencies: DocumentDependencies): void {
  app.register(async scope => {
    readBodies(scope, dependencies.config.snapshotBytesMax);
    const write = serialWriter(dependencies.documents);
    registerSnapshots(scope, dependencies, write);
    registerRegistry(scope, dependencies, write);
    registerEntities(scope, dependencies);
  });
}

/** What is decided by what is recorded, and then recorded: one after the other, so that two never decide by the same. */
export type Write = <T>(decide: (writer: DocumentWriter) => Promise<T>) => Promise<T>;

function serialWriter(writer: DocumentWriter | undefined): Write {
  let last: Promise<unknown> = Promise.resolve();
  return async decide => {
    if (!writer)
      throw new HttpProblem(
        503,
        'read-only',
        'This API only reads',
        'send documents to the API of the process that stores them',
      );
    const outcome = last.then(() => decide(writer));
    last = outcome.catch(() => {});
    return outcome;
  };
}
