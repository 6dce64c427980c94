// docs/COLLECTOR.md explains everything that an administrator can meet: held against the lists in the code.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { START_SERVICE } from '../commands/configurations.ts';
import { RATE_SOURCES } from '../schemas/codes.ts';
import { flagOf } from '../service/configuration.ts';
import type { CounterSpec } from '../service/counters.ts';
import { METRIC_PREFIX } from '../service/metrics.ts';
import { COLLECTOR_SERVICE } from './configuration.ts';
import { FAULTS } from './decode/faults.ts';
import * as counters from './threads/counters.ts';

const text = readFileSync(new URL('../docs/COLLECTOR.md', import.meta.url), 'utf8');

/** Lines of a section, up to the next one. */
function section(title: string): string[] {
  const [, body] = text.split(`\n## ${title}\n`);
  return (body ?? '').split('\n## ')[0]!.split('\n');
}

/** The terms in the first column of the tables of a section. */
const explained = (title: string) =>
  section(title)
    .flatMap(line => (line.startsWith('| `') ? [...line.split('|')[1]!.matchAll(/`([^`]+)`/g)] : []))
    .map(([, term]) => term!);

const { FAULT_COUNTERS, ...others } = counters;
const specs: CounterSpec[] = Object.values(others).flatMap(list => Object.values(list) as CounterSpec[]);

describe('docs/COLLECTOR.md', () => {
  test('explains every fault, once, and none that is not there', () => {
    expect(explained('Faults').sort()).toEqual([...FAULTS].sort());
    const [{ name }] = Object.values(FAULT_COUNTERS) as [CounterSpec];
    expect(section('Faults').join('\n')).toContain(`${METRIC_PREFIX}${name}{protocol,reason}`);
  });

  test('says what to do about each of them', () => {
    const empty = section('Faults').filter(
      line => /^\| `/.test(line) && line.split('|').some((cell, i) => (i === 2 || i === 3) && cell.trim() === ''),
    );
    expect(empty).toEqual([]);
  });

  test('explains every counter of the collector', () => {
    const closed = counters.STREAM_COUNTERS.exporter.name;
    const names = new Set(
      specs.map(({ name }) => METRIC_PREFIX + name).filter(name => name !== METRIC_PREFIX + closed),
    );
    expect(explained('Counters beside faults').sort()).toEqual([...names].sort());
    expect(text).toContain(`${METRIC_PREFIX}${closed}{reason}`);
  });

  test('explains every label of those', () => {
    const labels = specs.flatMap(({ labels = {} }) => Object.values(labels));
    expect(labels.length).toBeGreaterThan(5);
    expect(labels.filter(label => !text.includes(`\`${label}\``))).toEqual([]);
    const reasons = Object.keys(counters.STREAM_COUNTERS).filter(
      key =>
        counters.STREAM_COUNTERS[key as keyof typeof counters.STREAM_COUNTERS].name ===
        counters.STREAM_COUNTERS.exporter.name,
    );
    expect(explained('IPFIX over TCP and TLS').sort()).toEqual(reasons.sort());
  });

  test('explains every source of a sampling rate', () => {
    const body = section('How a sampling rate is found').join('\n');
    expect(RATE_SOURCES.filter(source => !body.includes(`\`${source}\``))).toEqual([]);
  });

  test('names no flag that is not there, and every one of IPFIX over TCP and TLS and of mirrors', () => {
    const decodeCommand = readFileSync(new URL('../commands/decode.ts', import.meta.url), 'utf8');
    const ofDecode = [...decodeCommand.matchAll(/^ {2}(--[a-z-]+) /gm)].map(([, flag]) => flag!);
    const keys = [COLLECTOR_SERVICE, START_SERVICE].flatMap(service => Object.keys(service.keys));
    const flags = [...keys.map(flagOf), ...ofDecode];
    const named = [...text.matchAll(/`(--[a-z-]+)/g)].map(([, flag]) => flag!);
    expect(named.filter(flag => !flags.includes(flag))).toEqual([]);
    expect(flags.filter(flag => /^--(ipfix|mirror)-/.test(flag) && !text.includes(flag))).toEqual([]);
  });
});
