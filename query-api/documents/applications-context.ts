// What the routes of the applications document share: what they need, previews, and bodies that are JSON.

import type { FastifyRequest } from 'fastify';
import type { ApplicationsPreview, PreviewRequest } from '../../schemas/applications-preview.ts';
import type { Checker } from '../../schemas/documents.ts';
import type { Storage } from '../../storage/storage.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { bytesOf } from '../http/body.ts';
import { HttpProblem, ProblemDocument, refuse } from '../http/problem.ts';
import type { Advisor } from '../questions/advisor.ts';
import type { RequestedWindow } from '../sql/window.ts';
import type { ApplicationsVersions, ApplicationsWriter } from './applications-versions.ts';
import type { CheckedApplications } from './check.ts';
import type { DocumentChecks } from './checking.ts';

const PREVIEW_MS_MAX = 7 * 86_400_000;

export interface ApplicationsDependencies {
  /** Knows the VMs, of which applications are discovered. */
  readonly advisor?: Advisor | undefined;
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly nowMs: () => number;
  readonly documents: ApplicationsWriter | undefined;
  readonly checks: DocumentChecks;
  /** Makes previews; rejects with a message for people. */
  readonly previews: { request(question: PreviewRequest): Promise<ApplicationsPreview> } | undefined;
}

/** What the routes share. */
export interface ApplicationsContext extends ApplicationsDependencies {
  readonly versions: ApplicationsVersions;
}

export const tags = ['documents'];
export const problems = {
  400: ProblemDocument,
  409: ProblemDocument,
  413: ProblemDocument,
  415: ProblemDocument,
  422: ProblemDocument,
  503: ProblemDocument,
};

export async function preview(
  { previews }: Pick<ApplicationsContext, 'previews'>,
  { body }: CheckedApplications,
  { fromMs, toMs }: RequestedWindow,
) {
  if (!previews) throw new HttpProblem(503, 'no-preview', 'this API makes no previews');
  if (toMs - fromMs > PREVIEW_MS_MAX) refuse('from', 'a preview covers no more than 7 days');
  return previews.request({ proposed: body, fromMs, toMs }).catch((error: unknown) => {
    throw new HttpProblem(503, 'no-preview', error instanceof Error ? error.message : String(error));
  });
}

/** A page of another site may send forms and plain texts to a server on this machine, but no JSON. */
export function jsonIn<T>(request: FastifyRequest, checker: Checker<T>, name: string): T {
  if (!String(request.headers['content-type']).startsWith('application/json'))
    throw new HttpProblem(415, 'not-json', 'the body must be JSON; send it with content-type: application/json');
  return checker.parse(name, new TextDecoder().decode(bytesOf(request)));
}
