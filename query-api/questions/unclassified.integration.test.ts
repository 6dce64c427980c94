// Endpoints without an application against sums over the records of the test, over a window of days, in pages, for each role.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import { IDENTITY, MARKS } from '../../schemas/codes.ts';
import { explicitKey, prefix4Key } from '../../schemas/keys.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { UnclassifiedAnswer } from './unclassified.ts';

const HOUR = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR) * HOUR;
const START = NOW - 72 * HOUR;
const [web, vm] = [node('application', 'web'), node('vm', 'old-1')];
const auto = big(prefix4Key(0x0a000000, 24));
const REASONS = ['ambiguous', 'unknown-mac', 'unknown-address', 'stale-inventory', 'no-rule'];

interface End {
  readonly app: bigint;
  readonly identity: number;
  readonly address: string;
  readonly mac: number;
  readonly vm: bigint;
}
/** Two of each kind, named and not. */
const ends: readonly End[] = [1, 2].flatMap(i => [
  { app: web.key, identity: IDENTITY.mac, address: `10.1.0.${i}`, mac: 10 + i, vm: 0n },
  { app: big(explicitKey('external')), identity: IDENTITY.none, address: `203.0.113.${i}`, mac: 20 + i, vm: 0n },
  { app: big(explicitKey('ambiguous')), identity: IDENTITY.ambiguous, address: `10.2.0.${i}`, mac: 30 + i, vm: 0n },
  { app: 0n, identity: IDENTITY.none, address: `10.3.0.${i}`, mac: 40 + i, vm: 0n },
  { app: auto, identity: IDENTITY.address, address: `10.0.0.${i}`, mac: 50 + i, vm: i === 1 ? vm.key : 0n },
]);

interface Sent {
  readonly src: End;
  readonly dst: End;
  readonly isIp: boolean;
  readonly isStale: boolean;
  readonly bytes: number;
  readonly atMs: number;
}
const random = createRandom(2, 8);
const sent: readonly Sent[] = Array.from({ length: 500 }, (_, i) => ({
  ...{
    src: ends[random.below(10)]!,
    dst: ends[random.below(10)]!,
    isIp: random.below(4) > 0,
    isStale: random.below(3) === 0,
  },
  ...{ bytes: 100 + i, atMs: START + random.below(71 * HOUR) },
}));

const folder = mkdtempSync(join(tmpdir(), 'hairpin-unclassified-'));
let server: TestServer;
let house: QueryHouse;
beforeAll(async () => {
  server = await startTestServer();
  const tokens = ['read', 'records', 'matrix'].map(role => ({
    ...{ name: role, role, sha256: createHash('sha256').update(`secret-${role}`).digest('hex') },
  }));
  writeFileSync(join(folder, 'tokens.json'), JSON.stringify({ tokens }));
  house = await createQueryHouse(server, 'unclassified', {
    ...{ nowMs: NOW, nodes: [web, vm], config: { tokens: join(folder, 'tokens.json') } },
    flows: sent.map(({ src, dst, isIp, isStale, bytes, atMs }) =>
      flow({
        ...{
          srcApp: src.app,
          dstApp: dst.app,
          srcIdentity: src.identity,
          dstIdentity: dst.identity,
          srcVm: src.vm,
          dstVm: dst.vm,
        },
        ...{
          srcMac: src.mac,
          dstMac: dst.mac,
          etherType: isIp ? 0x0800 : 0x0806,
          marks: isStale ? MARKS.stale : 0,
          bytes,
        },
        ...(isIp && { srcAddr: src.address, dstAddr: dst.address }),
        ...{ flowStart: atMs, flowEnd: atMs + 10, receivedAt: atMs + 20 },
      }),
    ),
  });
});
afterAll(async () => {
  await house?.api.stop();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function answer(query: Record<string, string | number> = {}, role = 'records'): Promise<UnclassifiedAnswer> {
  const text = Object.entries({ from: new Date(START).toISOString(), ...query })
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const headers = { authorization: `Bearer secret-${role}` };
  const response = await house.api.app.inject({ url: `/api/v1/unclassified?${text}`, headers });
  if (response.statusCode !== 200) throw new Error(response.body);
  return response.json<UnclassifiedAnswer>();
}

function reasonOf({ app, identity }: End, { isIp, isStale }: Sent): string | undefined {
  if (app === web.key || app === big(explicitKey('external'))) return undefined;
  if (app === big(explicitKey('ambiguous'))) return 'ambiguous';
  if (identity === IDENTITY.none) return isIp ? 'unknown-address' : 'unknown-mac';
  return isStale ? 'stale-inventory' : 'no-rule';
}
const macText = (mac: number) => `00:00:00:00:00:${mac.toString(16).padStart(2, '0')}`;
const sumOf = (list: readonly Sent[]) => list.reduce((sum, { bytes }) => sum + bytes, 0);
const TOTAL = sumOf(sent);
const endsOf = (one: Sent) =>
  [one.src, one.dst].flatMap(end => {
    const reason = reasonOf(end, one);
    return reason === undefined ? [] : [`${reason} ${one.isIp ? end.address : macText(end.mac)}`];
  });
/** By plain sums: endpoint to bytes; a record from an endpoint to itself is in it once. */
const byEndpoint = new Map<string, number>();
for (const one of sent)
  for (const end of new Set(endsOf(one))) byEndpoint.set(end, (byEndpoint.get(end) ?? 0) + one.bytes);
const gravest = (one: Sent) => REASONS.find(reason => [one.src, one.dst].some(end => reasonOf(end, one) === reason));

test('reasons add up to what is unclassified, and endpoints have their bytes', async () => {
  const { reasons, unclassified, total, share, endpoints, endpointCount } = await answer();
  expect(reasons.map(({ reason, value, share }) => [reason, value, share])).toEqual(
    REASONS.map(reason => {
      const own = sumOf(sent.filter(one => gravest(one) === reason));
      return [reason, own, own / TOTAL];
    }),
  );
  const without = sumOf(sent.filter(one => gravest(one) !== undefined));
  expect([unclassified.value, total.value, share]).toEqual([without, TOTAL, without / TOTAL]);
  const found = endpoints.map(({ reason, address, mac, value }) => [`${reason} ${address ?? mac}`, value]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(byEndpoint));
  expect(endpointCount).toBe(byEndpoint.size);
  for (const { reason, endpoints } of reasons)
    expect(endpoints, reason).toBe([...byEndpoint.keys()].filter(key => key.startsWith(reason)).length);
  expect(endpoints.find(({ address }) => address === '10.0.0.1')).toMatchObject({
    vm: { name: 'old-1' },
    node: { name: 'auto:10.0.0.0/24' },
  });
});

test('pages hold each endpoint once, of one reason too', async () => {
  const whole = await answer({ reason: 'no-rule' });
  expect(new Set(whole.endpoints.map(({ reason }) => reason))).toEqual(new Set(['no-rule']));
  expect(whole.endpointCount).toBe(whole.endpoints.length);
  const offsets = [0, 2, 4].filter(offset => offset < whole.endpointCount);
  const pages = await Promise.all(offsets.map(offset => answer({ reason: 'no-rule', limit: 2, offset })));
  expect(pages.flatMap(({ endpoints }) => endpoints)).toEqual(whole.endpoints.slice(0, 6));
});

test('a role that may not see addresses sees everything else, and one without infrastructure nothing', async () => {
  const seen = await answer({}, 'read');
  expect(JSON.stringify(seen)).not.toMatch(/10\.\d+\.\d+|00:00:00/);
  expect(seen.endpoints.map(({ value }) => value)).toEqual((await answer()).endpoints.map(({ value }) => value));
  await expect(answer({}, 'matrix')).rejects.toThrow('403');
});
