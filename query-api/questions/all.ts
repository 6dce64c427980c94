// The questions of the API. A new one is a file of its own and a line here.

import type { Routes } from '../http/routes.ts';
import { coincidence } from './coincidence.ts';
import { coverage } from './coverage.ts';
import { dependencies } from './dependencies.ts';
import { events } from './events.ts';
import { exporters } from './exporters.ts';
import { registerFilters } from './filters.ts';
import { flows } from './flows.ts';
import { growth } from './growth.ts';
import { links } from './links.ts';
import { locality } from './locality.ts';
import { matrix } from './matrix.ts';
import { moves } from './moves.ts';
import { placement } from './placement.ts';
import { type Question, type QuestionDependencies, type RequestDependencies, registerQuestion } from './question.ts';
import { ReadLimit } from './read-limit.ts';
import { RecentSelects } from './recent-selects.ts';
import { segments } from './segments.ts';
import { series } from './series.ts';
import { services } from './services.ts';
import { top } from './top.ts';
import { trust } from './trust.ts';
import { unclassified } from './unclassified.ts';
import { waves } from './waves.ts';
import { whatIf } from './what-if.ts';

export const QUESTIONS: readonly Question[] = [
  matrix,
  series,
  top,
  locality,
  links,
  whatIf,
  placement,
  moves,
  segments,
  waves,
  growth,
  dependencies,
  services,
  unclassified,
  trust,
  coincidence,
  flows,
  exporters,
  coverage,
  events,
];

export function registerQuestions(
  app: Routes,
  dependencies: QuestionDependencies & Pick<RequestDependencies, 'reportFailure'>,
): void {
  const limit = new ReadLimit(dependencies.storage, dependencies.config.queryRowsMax);
  const { recent = new RecentSelects() } = dependencies;
  for (const question of QUESTIONS) registerQuestion(app, question, { ...dependencies, limit, recent });
  registerFilters(app, dependencies);
}
