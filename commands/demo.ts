// `hairpin demo`: everything in one process and a small simulated data centre that sends real datagrams to it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDemoDocuments, startDemo } from '../benchmarks/load/demo.ts';
import { configurationHelp } from '../schemas/configuration.ts';
import { startAllInOne } from './all-in-one.ts';
import { banner, configurationOf, untilStopped } from './start.ts';

const HELP = `hairpin demo [flags]

Starts Hairpin in a temporary folder with the documents of a small simulated data centre, whose bridges then export
their traffic to it over UDP. Its truth is written beside: npx hairpin verify --truth FILE compares the matrix with it.

${configurationHelp()}
`;
