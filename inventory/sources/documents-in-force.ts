// The documents in force, as the sources put them: inventory and exporter registry in time, the applications for all time.

import { createHash } from 'node:crypto';
import type { Applications } from '../../schemas/applications.ts';
import type { ExporterRegistry } from '../../schemas/exporters.ts';
import { type Documents, NO_DOCUMENTS } from '../model/documents.ts';
import type { HistorySink } from './history-sink.ts';

export class DocumentsInForce {
  readonly history: HistorySink;
  #applications = NO_DOCUMENTS.applications;
  /** SHA-256 of the body in force of applications and registry. */
  readonly #digests = new Map<keyof Documents, string>();

  constructor(history: HistorySink) {
    this.history = history;
  }

  get applications(): Applications {
    return this.#applications;
  }

  /** `body` is the document as it is recorded. */
  useApplications(applications: Applications, body: string): void {
    this.#applications = applications;
    this.noteBody('applications', body);
  }

  putRegistry(registry: ExporterRegistry, body: string): void {
    this.history.putRegistry(registry);
    this.noteBody('exporters', body);
  }

  /** The document of this body is in force. */
  noteBody(kind: keyof Documents, body: string): void {
    this.#digests.set(kind, digestOf(body));
  }

  hasBody(kind: keyof Documents, body: string): boolean {
    return this.#digests.get(kind) === digestOf(body);
  }
}

export function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
