// Nodes that no document names: what is outside, groups, the network itself. Each has one name in every dimension, and a
// group is nobody's client. The truth is a sum over the records of the test.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { explicitKey, keyToHex, serviceKey } from '../../schemas/keys.ts';
import { createLog } from '../../service/log.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { MatrixAnswer } from './matrix.ts';
import type { SeriesAnswer } from './series.ts';
import type { TopAnswer } from './top.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const web = node('application', 'web');
const web1 = node('vm', 'web-1');
const esx1 = node('host', 'esx-1');
const rack1 = node('rack', 'rack-1');
const external = big(explicitKey('external'));
const multicast = big(explicitKey('multicast'));

const inside = (end: 'src' | 'dst') => ({
  [`${end}App`]: web.key,
  [`${end}Vm`]: web1.key,
  [`${end}Host`]: esx1.key,
  [`${end}Rack`]: rack1.key,
});
const flows = [
  flow({ ...inside('src'), dstApp: external, bytes: 1000, serverSide: 1, flowEnd: NOW - 600_000 }),
  flow({ ...inside('dst'), srcApp: external, bytes: 300, serverSide: 2, flowEnd: NOW - 600_000 }),
  // A clock that sends from its well-known port to a group: by the ports alone the group would be the client.
  flow({
    ...inside('src'),
    dstApp: multicast,
    dstAddr: '224.0.1.1',
    service: big(serviceKey(17, 123, 123)),
    serverSide: 1,
    bytes: 70,
    flowEnd: NOW - 600_000,
  }),
  // An end of the network that no document knows and that is not outside.
  flow({ ...inside('src'), bytes: 5, flowEnd: NOW - 600_000 }),
];
const nodes = [web, web1, esx1, rack1];
const NAMES = { app: 'web', vm: 'web-1', host: 'esx-1', rack: 'rack-1' } as const;

let server: TestServer;
let fresh: QueryHouse;
let rolledUp: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  fresh = await createQueryHouse(server, 'fresh', { nowMs: NOW, flows, nodes });
  rolledUp = await createQueryHouse(server, 'rolled_up', { nowMs: NOW, flows, nodes });
  await new ScheduledRollup({ storage: rolledUp.storage, log: createLog('test', 'error') }).run(Date.now() + 180_000);
});

afterAll(async () => {
  await fresh?.api.stop();
  await rolledUp?.api.stop();
  await server?.close();
});

const cellsOf = ({ cells }: MatrixAnswer) =>
  Object.fromEntries(cells.map(({ src, dst, value }) => [`${src.name} -> ${dst.name}`, value]));

test.each(['app', 'vm', 'host', 'rack'] as const)('external and multicast have their names by %s', async by => {
  const own = NAMES[by];
  for (const house of [fresh, rolledUp]) {
    const answer = await house.answer<MatrixAnswer>('matrix', { by });
    expect(cellsOf(answer)).toEqual({
      [`${own} -> external`]: 1000,
      [`external -> ${own}`]: 300,
      [`${own} -> multicast`]: 70,
      [`${own} -> unknown`]: 5,
    });
    const outside = answer.rows.find(({ name }) => name === 'external');
    expect(outside!.key).toBe(keyToHex(explicitKey('external')));
  }
});

test.each(['app', 'vm', 'host', 'rack'])('a filter by %s finds them by name and by key', async by => {
  const bytes = async (filter: string) => (await rolledUp.answer<TopAnswer>('top', { filter })).total.value;
  expect(await bytes(`${by}=external`)).toBe(1300);
  expect(await bytes(`${by}!=external`)).toBe(75);
  expect(await bytes(`src${by[0]!.toUpperCase()}${by.slice(1)}=external|multicast`)).toBe(300);
  expect(await bytes(`dst${by[0]!.toUpperCase()}${by.slice(1)}=multicast|external`)).toBe(1070);
  expect(await bytes(`${by}=${keyToHex(explicitKey('external'))}`)).toBe(1300);
  // What nobody knows is not what is outside.
  expect(await bytes(`${by}=0000000000000000`)).toBe(5);
});

test('series and lists name them too', async () => {
  const series = await fresh.answer<SeriesAnswer>('series', { split: 'dstVm', metric: 'bytes' });
  expect(Object.fromEntries(series.series.map(({ keys, total }) => [keys[0]!.name, total]))).toEqual({
    external: 1000,
    'web-1': 300,
    multicast: 70,
    unknown: 5,
  });
  const own = await fresh.answer<SeriesAnswer>('series', { by: 'host', src: 'external', metric: 'bytes' });
  expect(own.series[0]!.total).toBe(300);
  const top = await fresh.answer<TopAnswer>('top', { by: 'srcHost' });
  expect(Object.fromEntries(top.rows.map(({ keys, value }) => [keys[0]!.name, value]))).toEqual({
    'esx-1': 1075,
    external: 300,
  });
});

test.each(['app', 'vm'] as const)('a multicast group is no client of the matrix by %s', async by => {
  const answer = await fresh.answer<MatrixAnswer>('matrix', { by, orientation: 'client' });
  const own = NAMES[by];
  expect(cellsOf(answer)).toEqual({
    // web serves the outside (1000), which asks it (300).
    [`external -> ${own}`]: 1300,
    [`${own} -> multicast`]: 70,
    [`${own} -> unknown`]: 5,
  });
  const group = answer.cells.find(({ dst }) => dst.name === 'multicast')!;
  expect([group.toServer, group.toClient]).toEqual([70, 0]);
});
