import { expect, test } from 'vitest';
import { STAGES_MAX } from '../../enricher/stages/enrich.ts';
import { createEpochs } from '../../enricher/stages/epochs.ts';
import { MARKS } from '../../schemas/codes.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { batchOf, enrichRows, NOW, type Row } from '../../testing/data/enrichment.ts';
import { NO_DOCUMENTS } from '../model/documents.ts';
import { keyOf, Liveness } from '../model/liveness.ts';
import { History, type HistoryOptions } from './history.ts';
import { knowledgeOf } from './load.ts';
import { COMPILED_MAX, dropOldest } from './share.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const OPTIONS: HistoryOptions = { inventorySources: [], inventoryStaleMs: HOUR, inventoryUnknownMs: 24 * HOUR };
const ADDRESS = '10.0.0.1';

function historyOf(documents: readonly object[], options: Partial<HistoryOptions> = {}) {
  const history = new History({ ...OPTIONS, ...options });
  for (const document of documents)
    history.putInventory(inventoryChecker.check('inventory', { source: 'vc', complete: ['vms'], ...document }));
  return history;
}
const at = (ms: number) => new Date(ms).toISOString();
/** Flows from the address, one second long, at moments. */
const flowsAt = (...moments: number[]): Row[] =>
  moments.map(ms => ({ src: ADDRESS, flowStart: ms, flowEnd: ms + 1000, receivedAt: ms + 2000 }));
const enriched = (history: ReturnType<typeof historyOf>, rows: readonly Row[]) =>
  enrichRows(knowledgeOf(history, NO_DOCUMENTS.applications), rows);
const owners = (history: ReturnType<typeof historyOf>, ...moments: number[]) =>
  enriched(history, flowsAt(...moments)).map(row => row.srcVm);

const vm = (id: string, more: object = {}) => ({ id, name: id, vnics: [{ addresses: [ADDRESS] }], ...more });

test('an address given from one VM to another: each flow has the name of its own time, in one batch', () => {
  const history = historyOf([
    { asOf: at(NOW), vms: [vm('one')] },
    { asOf: at(NOW + 10 * MINUTE), vms: [vm('two')] },
  ]);
  const minutes = [5, 12, 9, 10, 11, 1];
  expect(owners(history, ...minutes.map(minute => NOW + minute * MINUTE))).toEqual([
    'one',
    'two',
    'one',
    'two',
    'two',
    'one',
  ]);
});

test('a VM that moved: before on the old host, after on the new one', () => {
  const hosts = [
    { id: 'h1', name: 'esx-1' },
    { id: 'h2', name: 'esx-2' },
  ];
  const history = historyOf([
    { asOf: at(NOW), complete: ['vms', 'hosts'], hosts, vms: [vm('web', { host: 'h1' })] },
    { asOf: at(NOW + MINUTE), hosts, vms: [vm('web', { host: 'h2' })] },
  ]);
  expect(enriched(history, flowsAt(NOW + 30_000, NOW + 90_000)).map(row => [row.srcVm, row.srcHost])).toEqual([
    ['web', 'esx-1'],
    ['web', 'esx-2'],
  ]);
});

test('a snapshot an hour late changes what is known of its time, and of nothing else', () => {
  const history = historyOf([
    { asOf: at(NOW), vms: [vm('one')] },
    { asOf: at(NOW + 50 * MINUTE), vms: [vm('three')] },
  ]);
  const moments = [NOW + 10 * MINUTE, NOW + 30 * MINUTE, NOW + 55 * MINUTE];
  expect(owners(history, ...moments)).toEqual(['one', 'one', 'three']);
  history.putInventory(
    inventoryChecker.check('inventory', {
      source: 'vc',
      complete: ['vms'],
      asOf: at(NOW + 20 * MINUTE),
      vms: [vm('two')],
    }),
  );
  expect(owners(history, ...moments)).toEqual(['one', 'two', 'three']);
});

test('a partial snapshot adds and ends nothing; a complete one ends what it leaves out', () => {
  const other = { id: 'other', name: 'other', vnics: [{ addresses: ['10.0.0.2'] }] };
  const partial = historyOf([
    { asOf: at(NOW), vms: [vm('one')] },
    { asOf: at(NOW + MINUTE), complete: [], vms: [other] },
  ]);
  expect(owners(partial, NOW + 2 * MINUTE)).toEqual(['one']);
  const complete = historyOf([
    { asOf: at(NOW), vms: [vm('one')] },
    { asOf: at(NOW + MINUTE), vms: [other] },
  ]);
  expect(owners(complete, NOW + 2 * MINUTE)).toEqual(['']);
});

test('flows before everything that is known take the oldest', () => {
  expect(owners(historyOf([{ asOf: at(NOW), vms: [vm('one')] }]), NOW - HOUR)).toEqual(['one']);
});

test('facts of a silent source carry a mark, then hold no longer', () => {
  const history = historyOf([{ asOf: at(NOW), vms: [vm('one')] }]);
  const rows = enriched(history, flowsAt(NOW + 59 * MINUTE, NOW + 61 * MINUTE, NOW + 25 * HOUR));
  expect(rows.map(row => [row.srcVm, row.marks & MARKS.stale])).toEqual([
    ['one', 0],
    ['one', MARKS.stale],
    ['', 0],
  ]);
});

test('a record over a minute that straddles a change of its ends is marked and joined by its start', () => {
  const history = historyOf([
    { asOf: at(NOW), vms: [vm('one'), { id: 'x', name: 'x', vnics: [{ addresses: ['10.0.0.9'] }] }] },
    { asOf: at(NOW + 10 * MINUTE), vms: [vm('two'), { id: 'x', name: 'x', vnics: [{ addresses: ['10.0.0.9'] }] }] },
  ]);
  const flow = (src: string, fromMin: number, toMin: number): Row => ({
    src,
    flowStart: NOW + fromMin * MINUTE,
    flowEnd: NOW + toMin * MINUTE,
    receivedAt: NOW + toMin * MINUTE,
  });
  const rows = enriched(history, [
    flow(ADDRESS, 9, 11),
    flow('10.0.0.9', 9, 11),
    flow(ADDRESS, 9.5, 10.4),
    flow(ADDRESS, 3, 9),
    flow(ADDRESS, 11, 14),
  ]);
  expect(rows.map(row => [row.srcVm, row.marks & MARKS.straddles])).toEqual([
    ['one', MARKS.straddles],
    // It is the same VM before and after.
    ['x', 0],
    // Up to a minute, a record belongs to its start.
    ['one', 0],
    ['one', 0],
    ['two', 0],
  ]);
});

test('ids of VMs are their own in each source, but a UUID is one VM; the source that ranks first is believed', () => {
  const uuid = '564d3a1e-0b1c-4d2e-8f3a-000000000001';
  const hosts = [{ id: 'h1', name: 'esx-1' }];
  const a = {
    source: 'a',
    asOf: at(NOW),
    vms: [
      { id: 'vm-1', name: 'a-one', vnics: [{ addresses: ['10.0.0.1'] }] },
      { id: 'vm-2', name: 'from a', uuid, vnics: [{ mac: '02:00:00:00:00:07', addresses: [] }] },
    ],
  };
  const b = {
    source: 'b',
    asOf: at(NOW),
    complete: ['vms', 'hosts'],
    hosts,
    vms: [
      { id: 'vm-1', name: 'b-one', vnics: [{ addresses: ['10.0.0.2'] }] },
      {
        id: 'vm-9',
        name: 'from b',
        uuid: uuid.toUpperCase(),
        host: 'h1',
        vnics: [{ mac: '02:00:00:00:00:07', addresses: ['10.0.0.7'] }],
      },
    ],
  };
  const named = (history: ReturnType<typeof historyOf>) =>
    enriched(
      history,
      ['10.0.0.1', '10.0.0.2', '10.0.0.7'].map(src => ({ src, flowStart: NOW + 1000, flowEnd: NOW + 1000 })),
    ).map(row => [row.srcVm, row.srcHost]);
  expect(named(historyOf([a, b]))).toEqual([
    ['a-one', ''],
    ['b-one', ''],
    ['from a', 'esx-1'],
  ]);
  expect(named(historyOf([a, b], { inventorySources: ['b'] }))[2]).toEqual(['from b', 'esx-1']);
});

test('what sources share is one: racks of one source place the hosts of another, field by field', () => {
  const history = historyOf(
    [
      {
        source: 'vc',
        asOf: at(NOW),
        complete: ['vms', 'hosts'],
        hosts: [{ id: 'h1', name: 'esx-1' }],
        vms: [vm('web', { host: 'h1' })],
      },
      {
        source: 'netbox',
        asOf: at(NOW),
        complete: ['hosts', 'racks'],
        racks: [{ id: 'r1', name: 'Rack 1' }],
        hosts: [{ id: 'h1', name: 'asset 4711', rack: 'r1' }],
      },
    ],
    { inventorySources: ['vc', 'netbox'] },
  );
  expect(enriched(history, flowsAt(NOW))[0]).toMatchObject({ srcVm: 'web', srcHost: 'esx-1', srcRack: 'Rack 1' });
});

test('a registry with asOf holds from then on, one without for all time', () => {
  const history = historyOf([
    {
      asOf: at(NOW),
      complete: ['vms', 'hosts', 'switches'],
      switches: [{ id: 'sw', ports: [{ ifIndex: 1 }] }],
      hosts: [{ id: 'h1', pnics: [{ id: 'p', switch: 'sw', ifIndex: 1 }] }],
      vms: [vm('web', { host: 'h1' })],
    },
  ]);
  const registry = (asOf?: number) =>
    history.putRegistry(
      exporterRegistryChecker.check('exporters', {
        ...(asOf !== undefined && { asOf: at(asOf) }),
        exporters: [{ address: '192.0.2.1', switch: 'sw', role: 'access' }],
      }),
    );
  const reasons = () =>
    enriched(
      history,
      flowsAt(NOW + MINUTE, NOW + 30 * MINUTE).map(row => ({ ...row, inIf: 1, direction: 'ingress' as const })),
    ).map(row => row.countReason);
  registry(NOW + 10 * MINUTE);
  expect(reasons()).toEqual(['unelected', 'elected']);
  registry();
  expect(reasons()).toEqual(['elected', 'elected']);
});

test('a batch of one epoch is not reported row by row; one that spans epochs is, each once', () => {
  const epochs = createEpochs();
  const starts = Float64Array.of(Number.NEGATIVE_INFINITY, NOW, NOW + HOUR);
  const { columns } = batchOf(flowsAt(NOW + 1, NOW + 5));
  expect(epochs.find(columns, 2, starts)).toMatchObject({ distinct: [1], ofRow: new Uint32Array(0) });
  const spanning = batchOf(flowsAt(NOW + HOUR, NOW - 1, NOW + HOUR + 5));
  const found = epochs.find(spanning.columns, 3, starts);
  expect([found.distinct, [...found.ofRow]]).toEqual([
    [0, 2],
    [2, 0, 2],
  ]);
});

test('more epochs in a batch than stages are kept are all answered right, and compiled states are bounded', () => {
  const count = STAGES_MAX + 20;
  const history = historyOf(
    Array.from({ length: count }, (_, i) => ({ asOf: at(NOW + i * MINUTE), vms: [vm(`vm${i}`)] })),
  );
  const moments = Array.from({ length: count }, (_, i) => NOW + ((i * 7) % count) * MINUTE + 1);
  expect(owners(history, ...moments)).toEqual(moments.map((_, i) => `vm${(i * 7) % count}`));
  const compiled = new Map(
    Array.from({ length: COMPILED_MAX + 3 }, (_, i) => [`s${i}`, { words: new Uint32Array(1) }]),
  );
  expect(dropOldest(compiled)).toEqual(['s0', 's1', 's2']);
  // Two of 40 bytes within 60: the newest stays alone.
  const large = new Map(['old', 'new', 'newest'].map(name => [name, { words: new Uint32Array(10) }]));
  expect(dropOldest(large, 60)).toEqual(['old', 'new']);
  expect(dropOldest(large, 1)).toEqual([]);
});

/** Two exporters on the one port of a host; the first states the lower rate. */
function twoMeters() {
  const history = historyOf([
    {
      asOf: at(NOW),
      complete: ['vms', 'hosts', 'switches'],
      switches: [{ id: 'sw', ports: [{ ifIndex: 1 }] }],
      hosts: [{ id: 'h1', pnics: [{ id: 'p', switch: 'sw', ifIndex: 1 }] }],
      vms: [vm('web', { host: 'h1' })],
    },
  ]);
  const entry = { switch: 'sw', role: 'access' };
  history.putRegistry(
    exporterRegistryChecker.check('exporters', {
      exporters: [
        { ...entry, address: '192.0.2.1', samplingRate: 10 },
        { ...entry, address: '192.0.2.2' },
      ],
    }),
  );
  const reasonsOf = (exporter: string, ...moments: number[]) =>
    enriched(
      history,
      flowsAt(...moments).map(row => ({ ...row, exporter, inIf: 1, direction: 'ingress' as const })),
    ).map(row => row.countReason);
  return { history, reasonsOf };
}
const FIRST = keyOf({ address: '192.0.2.1' });

test('while an exporter is silent another one of its ports counts, stated rate or not, and each record by its own time', () => {
  const { history, reasonsOf } = twoMeters();
  const moments = [NOW + 9 * MINUTE, NOW + 10 * MINUTE, NOW + 20 * MINUTE];
  expect(reasonsOf('192.0.2.2', ...moments)).toEqual(['second-meter', 'second-meter', 'second-meter']);
  history.useLiveness(
    new Liveness([
      { ...FIRST, atMs: NOW + 10 * MINUTE, state: 'silent' },
      { ...FIRST, atMs: NOW + 20 * MINUTE, state: 'live' },
    ]),
  );
  expect(reasonsOf('192.0.2.2', ...moments)).toEqual(['second-meter', 'elected', 'second-meter']);
  expect(reasonsOf('192.0.2.1', ...moments)).toEqual(['elected', 'second-meter', 'elected']);
});

test('rows older than every document take the oldest, whoever is silent then', () => {
  const { history, reasonsOf } = twoMeters();
  history.useLiveness(
    new Liveness([
      { ...FIRST, atMs: NOW - 20 * MINUTE, state: 'silent' },
      { ...FIRST, atMs: NOW - 10 * MINUTE, state: 'live' },
    ]),
  );
  const moments = [NOW - 30 * MINUTE, NOW - 15 * MINUTE, NOW - 5 * MINUTE];
  expect(reasonsOf('192.0.2.2', ...moments)).toEqual(['second-meter', 'elected', 'second-meter']);
});

test('a state that differs in who is silent alone shares what does not depend on it, and is compiled once', () => {
  const { history } = twoMeters();
  history.useLiveness(
    new Liveness([
      { ...FIRST, atMs: NOW + MINUTE, state: 'silent' },
      { ...FIRST, atMs: NOW + 2 * MINUTE, state: 'live' },
      { ...FIRST, atMs: NOW + 3 * MINUTE, state: 'silent' },
    ]),
  );
  const [live, silent, again, last] = [0, 1, 2, 3].map(minute => history.compile(NOW + minute * MINUTE));
  expect([again, last]).toEqual([live, silent]);
  expect(again).toBe(live);
  expect(silent!.topology).toBe(live!.topology);
  expect(silent!.access).not.toEqual(live!.access);
});

test('a record that straddles a moment at which its exporter falls silent is marked', () => {
  const { history } = twoMeters();
  history.useLiveness(new Liveness([{ ...FIRST, atMs: NOW + 10 * MINUTE, state: 'silent' }]));
  const rows = enriched(
    history,
    [
      { src: ADDRESS, inIf: 1, direction: 'ingress', flowStart: NOW + 9 * MINUTE, flowEnd: NOW + 11 * MINUTE },
      { src: ADDRESS, inIf: 1, direction: 'ingress', flowStart: NOW + 5 * MINUTE, flowEnd: NOW + 7 * MINUTE },
    ].map(row => ({ ...row, receivedAt: NOW + 11 * MINUTE }) as Row),
  );
  expect(rows.map(row => [row.countReason, row.marks & MARKS.straddles])).toEqual([
    ['elected', MARKS.straddles],
    ['elected', 0],
  ]);
});
