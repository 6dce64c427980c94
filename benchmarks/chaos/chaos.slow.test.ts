// The chaos benchmark for about two minutes: every fault once. How long things take is not judged here.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { kafkaPresent } from '../../testing/broker/broker.ts';
import { FAULTS } from './schedule.ts';

const PROGRAM = fileURLToPath(new URL('../../hairpin.ts', import.meta.url));

const bench = (...args: string[]) =>
  spawnSync(process.execPath, [PROGRAM, 'bench', ...args, '--smoke'], { encoding: 'utf8', timeout: 600_000 });

describe.runIf(kafkaPresent())('under chaos', () => {
  test('every flow is stored once or lies where a counter or a named kill says so', () => {
    const { status, stdout, stderr } = bench('chaos', '--seed', '7');
    console.log(stdout);
    expect(stdout, stderr).not.toContain('does not hold');
    expect(status, stderr).toBe(0);
    for (const fault of [...FAULTS, 'spools fill']) expect(stdout).toMatch(new RegExp(`${fault} [1-9]`));
  }, 620_000);

  test('a second enricher joins and leaves: nothing is lost or stored twice', () => {
    const { status, stdout, stderr } = bench('enrichers');
    console.log(stdout);
    expect(stdout, stderr).not.toContain('does not hold');
    expect(status, stderr).toBe(0);
  }, 620_000);

  test('nothing is lost while Kafka is away, and the backlog is stored', () => {
    const { status, stdout, stderr } = bench('outage');
    console.log(stdout);
    expect(stdout, stderr).not.toContain('does not hold');
    expect(status, stderr).toBe(0);
  }, 620_000);
});
