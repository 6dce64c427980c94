// The questions of the API. A new one is a file of its own and a line here.

import type { Routes } from '../http/routes.ts';
import { coverage } from './coverage.ts';
import { events } from './events.ts';
import { exporters } from './exporters.ts';
import { flows } from './flows.ts';
import { matrix } from './matrix.ts';
import { type Question, type QuestionDependencies, registerQuestion } from './question.ts';
import { series } from './series.ts';
import { top } from './top.ts';

const QUESTIONS: readonly Question[] = [matrix, series, top, flows, exporters, coverage, events];

export function registerQuestions(app: Routes, dependencies: QuestionDependencies): void {
  for (const question of QUESTIONS) registerQuestion(app, question, dependencies);
}
