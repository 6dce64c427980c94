import { expect, test } from 'vitest';
import { FACT_LIFE_MS, type FactRow } from '../../schemas/facts.ts';
import { NOW } from '../../testing/data/enrichment.ts';
import { createKnownFacts, EXPORTER_FACTS_MAX, FACTS_MAX } from './exporter-facts.ts';

const row = (given: Partial<FactRow> = {}): FactRow => ({
  receivedAtMs: NOW,
  exporter: '192.0.2.1',
  observationDomain: 0,
  protocol: 7,
  kind: 'station',
  index: 0,
  mac: 1,
  stationId: '',
  name: 'web-01',
  hostId: '',
  ...given,
});

test('a fact keeps when it was reported first and last, in whatever order batches come', () => {
  const facts = createKnownFacts();
  expect(facts.learn([row()])).toEqual([{ ...row(), firstSeenMs: NOW }]);
  expect(facts.learn([row({ receivedAtMs: NOW + 600_000, name: 'web-02' })])).toMatchObject([
    { name: 'web-02', firstSeenMs: NOW, receivedAtMs: NOW + 600_000 },
  ]);
  expect(facts.learn([row({ receivedAtMs: NOW - 5000, name: 'web-00' })])).toMatchObject([
    { name: 'web-02', firstSeenMs: NOW - 5000, receivedAtMs: NOW + 600_000 },
  ]);
  expect([...facts.values()]).toHaveLength(1);
});

test('what is not reported with it does not unmake a name or a host', () => {
  const facts = createKnownFacts();
  facts.learn([row({ hostId: 'ab'.repeat(16) })]);
  expect(facts.learn([row({ name: '' })])).toMatchObject([{ name: 'web-01', hostId: 'ab'.repeat(16) }]);
});

test('endpoints change with new, renamed, moved and forgotten stations and hosts, not with repetitions or ports', () => {
  const facts = createKnownFacts();
  const changes = (given: Partial<FactRow>) => {
    facts.learn([row(given)]);
    return facts.takeChange();
  };
  expect(changes({})).toBe(true);
  expect(changes({ receivedAtMs: NOW + 1000 })).toBe(false);
  expect(changes({ receivedAtMs: NOW + 2000, name: 'web-02' })).toBe(true);
  expect(changes({ receivedAtMs: NOW + 3000, hostId: 'ab'.repeat(16) })).toBe(true);
  expect(changes({ kind: 'host', stationId: 'ab'.repeat(16), name: 'kvm-1' })).toBe(true);
  expect(changes({ kind: 'interface', index: 1, name: 'eth0' })).toBe(false);
  expect(changes({ kind: 'vrf', index: 1, name: 'red' })).toBe(false);
  facts.expire(NOW + FACT_LIFE_MS);
  expect([facts.takeChange(), facts.size]).toEqual([false, 4]);
  facts.expire(NOW + FACT_LIFE_MS + 1);
  expect([facts.takeChange(), facts.size]).toEqual([true, 1]);
  facts.expire(NOW + FACT_LIFE_MS + 3001);
  expect([facts.takeChange(), facts.size]).toEqual([true, 0]);
});

test('what was stored is known again after a start', () => {
  const facts = createKnownFacts();
  facts.restore([{ ...row(), firstSeenMs: NOW - 1000 }]);
  expect(facts.takeChange()).toBe(true);
  expect(facts.learn([row({ receivedAtMs: NOW + 1 })])).toMatchObject([{ firstSeenMs: NOW - 1000 }]);
  expect(facts.takeChange()).toBe(false);
});

test('beyond the share of an exporter and the bound in all, new facts are refused, counted and not stored', () => {
  const facts = createKnownFacts();
  facts.learn([row({ name: 'honest' })]);
  const flood = (source: number, count: number) =>
    facts.learn(Array.from({ length: count }, (_, i) => row({ exporter: `198.51.100.${source}`, mac: i }))).length;
  expect(flood(0, EXPORTER_FACTS_MAX + 10)).toBe(EXPORTER_FACTS_MAX);
  expect([facts.refused, facts.size]).toEqual([10, EXPORTER_FACTS_MAX + 1]);
  for (let source = 1; source < 8; source++) flood(source, EXPORTER_FACTS_MAX);
  expect([facts.refused, facts.size]).toEqual([11, FACTS_MAX]);
  expect(facts.learn([row({ receivedAtMs: NOW + 1, name: 'renamed' }), row({ mac: 2 })])).toMatchObject([
    { name: 'renamed' },
  ]);
  expect(facts.refused).toBe(12);
});
