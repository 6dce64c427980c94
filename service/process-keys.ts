// Keys of every process: its data folder, its HTTP server, its log and its clock.

import { Type } from 'typebox';
import { CLOCK_PATTERN, CLOCK_SPEED_MAX, parseClock } from '../schemas/clock.ts';
import type { Fault } from '../schemas/documents.ts';
import { HOST_PORT_EXPECTED, HOST_PORT_PATTERN } from '../schemas/host-port.ts';
import type { ValuesOf } from './configuration.ts';

export const PROCESS_KEYS = {
  data: Type.String({ default: './data', description: 'folder for the database, the spool and quarantine' }),
  http: Type.String({
    default: '127.0.0.1:8080',
    pattern: `^${HOST_PORT_PATTERN}$`,
    expected: HOST_PORT_EXPECTED,
    description: 'address of API and console, or of health and metrics alone, HOST:PORT',
  }),
  tokens: Type.String({
    default: '',
    description: 'file of bearer tokens (npx hairpin token); without it the API listens on loopback only',
  }),
  apiRequestsPerMinute: Type.Integer({
    default: 1200,
    minimum: 1,
    maximum: 1000000,
    description: 'requests per minute that the API accepts from one token, or from one address without tokens',
  }),
  clock: Type.String({
    default: '',
    pattern: CLOCK_PATTERN,
    expected: 'START*SPEED@REAL, as 2026-03-01T00:00:00Z*10@2026-03-20T09:00:00Z, or empty',
    description: 'for test installations: simulated time, as START*SPEED@REAL; empty is the wall clock',
  }),
  logLevel: Type.Enum(['debug', 'info', 'warn', 'error'], {
    default: 'info',
    description: 'lowest level that is logged',
  }),
};
export type ProcessConfiguration = ValuesOf<typeof PROCESS_KEYS>;

/** Of the spool and of the tables alike. */
export const DURABILITY_KEYS = {
  durable: Type.Boolean({
    default: false,
    description: 'fsync batches and inserts: they survive loss of power, not only a crash',
  }),
};

export function processFaults({ clock }: ProcessConfiguration): Fault[] {
  return clock === '' || parseClock(clock)
    ? []
    : [{ path: '/clock', message: `must hold two times and a speed above 0, at most ${CLOCK_SPEED_MAX}` }];
}
