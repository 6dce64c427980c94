import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fixedKnowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { parseAddress } from '../../schemas/address.ts';
import { SERVER_SIDE_REASONS, SERVER_SIDES } from '../../schemas/codes.ts';
import type { ServiceSeen } from '../../storage/tables/services.ts';
import { BATCH_KEY, batchOf, documentsOf, LIMITS, NOW, type Row } from '../../testing/data/enrichment.ts';
import { createNodeNames } from '../endpoints/node-names.ts';
import { Enrichment } from './enrich.ts';
import { LearnedServices, SERVICE_LIFE_S, SERVICE_TOLERANCE_S } from './learned-services.ts';
import { ephemeralBits } from './server-side.ts';

const SYN = 0x02;
const SYN_ACK = 0x12;
const ephemeral = ephemeralBits();
const create = (servicesMax?: number) =>
  new LearnedServices({ ephemeral, ...(servicesMax !== undefined && { servicesMax }) });

/** Side, reason and service of each row, enriched in one batch after the other. */
function sidesOf(services: LearnedServices, ...batches: Row[][]) {
  const snapshot = compileSnapshot(documentsOf({}));
  const names = createNodeNames();
  const enrichment = new Enrichment(fixedKnowledge(snapshot), names, { ...LIMITS, spanMsMax: 1e12, services });
  return batches.flatMap(rows => {
    const batch = batchOf(rows);
    enrichment.enrichBatch(batch, BATCH_KEY);
    const { serverSide, serverSideReason, service } = batch.columns;
    return rows.map((_, row) => [
      SERVER_SIDES[serverSide[row]!],
      SERVER_SIDE_REASONS[serverSideReason[row]!],
      service[2 * row]! & 0xffff,
    ]);
  });
}

/** A client at a low port calls a server at a high one: ports alone name the client. */
const server = { src: '10.0.0.1', srcPort: 45000 };
const answer: Row = { ...server, dst: '10.0.0.9', dstPort: 2000, tcpFlags: SYN_ACK };
const later = (ms: number, row: Row): Row => ({ ...row, receivedAt: NOW + ms, flowStart: NOW + ms, flowEnd: NOW + ms });
const flow: Row = { src: '10.0.0.8', srcPort: 3000, dst: '10.0.0.1', dstPort: 45000, tcpFlags: 0x1b, packets: 9 };
const back: Row = { src: '10.0.0.1', srcPort: 45000, dst: '10.0.0.8', dstPort: 3000, tcpFlags: 0x1b, packets: 9 };

test('a service that answered is the server in both directions, and has a name', () => {
  expect(sidesOf(create(), [flow, back])).toEqual([
    ['src', 'ephemeral', 3000],
    ['dst', 'ephemeral', 3000],
  ]);
  expect(sidesOf(create(), [answer, flow, back])).toEqual([
    ['src', 'learned', 45000],
    ['dst', 'learned', 45000],
    ['src', 'learned', 45000],
  ]);
});

test('it holds from its first evidence, less the tolerance, until its life after the last', () => {
  const services = create();
  services.learn(batchOf([answer]).columns, 0, 1);
  const at = (ms: number) => sidesOf(services, [later(ms, flow)])[0]![1];
  expect(at(-SERVICE_TOLERANCE_S * 1000 - 1000)).toBe('ephemeral');
  expect(at(-SERVICE_TOLERANCE_S * 1000)).toBe('learned');
  expect(at(SERVICE_LIFE_S * 1000)).toBe('learned');
  expect(at(SERVICE_LIFE_S * 1000 + 1000)).toBe('ephemeral');
  // Seen again after it had expired: a new spell, in which the gap does not count.
  services.learn(batchOf([later(3 * SERVICE_LIFE_S * 1000, answer)]).columns, 0, 1);
  expect(at(1.5 * SERVICE_LIFE_S * 1000)).toBe('ephemeral');
  expect(at(3 * SERVICE_LIFE_S * 1000)).toBe('learned');
});

test('a SYN alone overrides the lower port, and nothing else', () => {
  const syn: Row = { src: '10.0.0.9', srcPort: 50000, dst: '10.0.0.1', dstPort: 60000, tcpFlags: SYN };
  const call: Row = { src: '10.0.0.8', srcPort: 40000, dst: '10.0.0.1', dstPort: 60000, packets: 9 };
  const low: Row = { src: '10.0.0.8', srcPort: 3000, dst: '10.0.0.1', dstPort: 60000, packets: 9 };
  expect(sidesOf(create(), [call])).toEqual([['src', 'lower-port', 0]]);
  expect(sidesOf(create(), [syn, call, low]).slice(1)).toEqual([
    ['dst', 'learned', 60000],
    ['src', 'ephemeral', 3000],
  ]);
});

test.each([
  ['a flow of many packets', { ...answer, packets: 2 }],
  ['a reset', { ...answer, tcpFlags: 0x16 }],
  ['another protocol', { ...answer, proto: 17 }],
  ['a SYN that ephemeral ports contradict', { ...flow, packets: 1, tcpFlags: SYN }],
  ['what ephemeral ports say already', { ...answer, srcPort: 443, dstPort: 50000 }],
  ['a scan of low ports', { src: '10.0.0.9', srcPort: 50000, dst: '10.0.0.1', dstPort: 81, tcpFlags: SYN }],
] as [string, Row][])('%s is no evidence worth keeping', (_, row) => {
  const services = create();
  services.learn(batchOf([row]).columns, 0, 1);
  expect(services.size).toBe(0);
});

test('the reverse half of a biflow counts like a SYN', () => {
  const services = create();
  const halves = batchOf([
    { src: '10.0.0.8', srcPort: 40000, dst: '10.0.0.1', dstPort: 60000, proto: 17 },
    { src: '10.0.0.1', srcPort: 60000, dst: '10.0.0.8', dstPort: 40000, proto: 17 },
  ]);
  halves.columns.biflow.set([1, 2]);
  services.learn(halves.columns, 0, 2);
  expect(services.take()).toEqual([
    {
      address: parseAddress('10.0.0.1'),
      vrf: 0,
      proto: 17,
      port: 60000,
      answered: false,
      firstSeenMs: NOW,
      lastSeenMs: NOW,
    },
  ]);
});

test('the other direction names the same end for the same reason, whatever was learned', () => {
  const address = fc.constantFrom('10.0.0.1', '10.0.0.2');
  const port = fc.constantFrom(80, 3000, 3001, 40000, 45000, 60000);
  const row = fc.record({ src: address, dst: address, srcPort: port, dstPort: port });
  const flags = fc.constantFrom(SYN, SYN_ACK);
  const mirrored: Record<string, string> = { src: 'dst', dst: 'src', unknown: 'unknown' };
  fc.assert(
    fc.property(fc.array(fc.tuple(row, flags), { maxLength: 8 }), row, (evidence, asked) => {
      const services = create(64);
      const seen = evidence.map(([fields, tcpFlags]) => ({ ...fields, tcpFlags }));
      services.learn(batchOf(seen).columns, 0, seen.length);
      const { src, dst, srcPort, dstPort } = asked;
      const [there, reverse] = sidesOf(services, [
        { ...asked, packets: 5 },
        { src: dst, dst: src, srcPort: dstPort, dstPort: srcPort, packets: 5 },
      ]);
      expect(reverse).toEqual([mirrored[String(there![0])], there![1], there![2]]);
    }),
    { numRuns: 300 },
  );
});

test('at its bound what was only asked for gives way first, then the longest unseen', () => {
  const services = create(100);
  const answers = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => later(1000 * (from + i), { ...answer, src: `10.1.${from + i}.1` }));
  const asks = Array.from({ length: 60 }, (_, i) => ({
    src: '10.0.0.9',
    srcPort: 50000,
    dst: `10.2.${i}.1`,
    dstPort: 60000,
    tcpFlags: SYN,
  }));
  const learn = (rows: Row[]) => services.learn(batchOf(rows).columns, 0, rows.length);
  learn(answers(0, 40));
  learn(asks);
  expect([services.size, services.evicted]).toEqual([100, 0]);
  learn(answers(40, 1));
  expect([services.size, services.evicted]).toEqual([76, 25]);
  const kept = () => services.take().filter(({ answered }) => answered).length;
  expect(kept()).toBe(41);
  learn(answers(41, 110));
  expect([services.size, services.evicted]).toEqual([86, 125]);
  const call = (i: number) => later(1000 * i, { ...flow, dst: `10.1.${i}.1` });
  expect(sidesOf(services, [call(0), call(150)]).map(([, reason]) => reason)).toEqual(['ephemeral', 'learned']);
});

test('what is learned is reported once, and again when it has been seen for a while; what others reported is not', () => {
  const services = create();
  const learn = (ms: number) => services.learn(batchOf([later(ms, answer)]).columns, 0, 1);
  learn(0);
  learn(1000);
  const [reported] = services.take();
  expect(reported).toMatchObject({ port: 45000, answered: true, firstSeenMs: NOW, lastSeenMs: NOW + 1000 });
  learn(60_000);
  expect(services.take()).toEqual([]);
  learn(700_000);
  expect(services.take()).toMatchObject([{ firstSeenMs: NOW, lastSeenMs: NOW + 700_000 }]);

  const other = create();
  other.merge([reported as ServiceSeen]);
  expect(other.take()).toEqual([]);
  expect(sidesOf(other, [flow])).toEqual([['dst', 'learned', 45000]]);
});
