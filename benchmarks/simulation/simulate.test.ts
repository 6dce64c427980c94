import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAddress } from '../../schemas/address.ts';
import { measure } from './harness.ts';
import { SIMULATED, scenarioOf } from './scenarios/scenarios.ts';
import { scenariosDocument } from './scenarios-document.ts';
import { type Simulated, type SimulationOptions, simulate } from './simulate.ts';
import { truthSchemaDocument, truthV2Checker } from './truth.ts';

const SMALL: SimulationOptions = { volume: 0.05, seconds: 100 };
const digest = ({ datagrams, truth }: Simulated) => {
  const hash = createHash('sha256').update(JSON.stringify(truth));
  for (const { payload, receivedMs } of datagrams) hash.update(payload).update(String(receivedMs));
  return hash.digest('hex');
};
const sum = (list: readonly { readonly bytes: number }[]) => list.reduce((total, { bytes }) => total + bytes, 0);

test.each(SIMULATED.map(scenario => [scenario.name, scenario] as const))(
  '%s: all views of its truth add up, and all it sends can be read',
  (_, scenario) => {
    const simulated = simulate(scenario, { ...SMALL, sampling: 8 });
    const { truth } = simulated;
    expect(truthV2Checker.check('truth', truth)).toEqual(truth);
    expect(truth.bytes).toBeGreaterThan(0);
    expect(sum(truth.applications)).toBe(truth.bytes);
    expect(sum(truth.cells)).toBe(truth.bytes);
    expect(sum(truth.cells.flatMap(({ buckets }) => buckets))).toBe(truth.bytes);
    const names = new Set(truth.cells.map(({ srcApp, dstApp }) => `${srcApp} ${dstApp}`));
    expect(new Set(truth.applications.map(({ src, dst }) => `${src} ${dst}`))).toEqual(names);
    const { records, faults } = measure(simulated);
    expect(faults).toBe(0);
    const sent = truth.exporters.reduce((total, exporter) => total + exporter.records - exporter.lostRecords, 0);
    // A record of both directions becomes two rows.
    const rows = scenario.name === 'biflow' ? 2 * sent : sent - counterSamples(simulated);
    expect(records).toBe(rows);
  },
);

/** Samples of interface counters: reported by an agent, but no flow records. */
function counterSamples({ datagrams }: Simulated): number {
  let found = 0;
  for (const { payload } of datagrams) {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (view.getUint16(0) !== 0) continue;
    let at = 28;
    for (let i = 0; i < view.getUint32(24); i++) {
      if (view.getUint32(at) === 2) found++;
      at += 8 + view.getUint32(at + 4);
    }
  }
  return found;
}

test('the same seed gives the same datagrams and truth, another seed others', () => {
  const mixed = scenarioOf('mixed');
  expect(digest(simulate(mixed, { ...SMALL, seed: 3 }))).toBe(digest(simulate(mixed, { ...SMALL, seed: 3 })));
  expect(digest(simulate(mixed, { ...SMALL, seed: 4 }))).not.toBe(digest(simulate(mixed, { ...SMALL, seed: 3 })));
});

test('a packet of the spine scenario is seen by three bridges, one across two leaves by two', () => {
  const linksOf = (name: string) =>
    new Set(
      simulate(scenarioOf(name), SMALL).truth.cells.map(
        ({ links }) => links.filter(link => !link.startsWith('host')).length,
      ),
    );
  expect(linksOf('three-bridges')).toEqual(new Set([1, 3]));
  expect(linksOf('two-bridges')).toEqual(new Set([1, 2]));
});

test('what nobody sees is what stays inside VEB hosts, and the truth says which pairs that is', () => {
  const { truth } = simulate(scenarioOf('veb'), SMALL);
  const unseen = truth.applications.reduce((total, { unseenBytes }) => total + unseenBytes, 0);
  const invisible = new Set(truth.invisible.map(({ src, dst }) => `${src} ${dst}`));
  expect(unseen).toBeGreaterThan(0);
  expect(unseen).toBe(sum(truth.cells.filter(({ src, dst }) => invisible.has(`${src} ${dst}`))));
  // Ten VMs on four hosts, placed in turn: three each on the first two, two each on the others.
  expect(truth.invisible).toHaveLength(2 * (3 * 2) + 2 * 2);
  expect(simulate(scenarioOf('vepa'), SMALL).truth.invisible).toEqual([]);
});

test('frames that a switch will not turn back are dropped: no traffic, and no pair that could be seen', () => {
  const { truth } = simulate(scenarioOf('ovs-sflow-hairpin'), SMALL);
  expect(truth.discarded.bytes).toBeGreaterThan(0);
  expect(truth.unreachable.map(({ src, dst }) => `${src} ${dst}`).sort()).toEqual([
    'lost-01 lost-02',
    'lost-02 lost-01',
  ]);
});

test('a silent exporter makes pairs invisible from that moment on', () => {
  const { truth } = simulate(scenarioOf('silent-exporter'), { volume: 0.2 });
  const at = Date.parse(truth.from) + 70_000;
  expect(truth.invisible.length).toBeGreaterThan(0);
  expect(new Set(truth.invisible.map(({ from }) => Date.parse(from)))).toEqual(new Set([at]));
  expect(truth.exporters.map(({ silentFrom }) => silentFrom)).toEqual([new Date(at).toISOString(), undefined]);
});

test('lost datagrams are counted for each exporter, and overtaking ones are only late', () => {
  const lossy = simulate(scenarioOf('loss'), { loss: 0.3, sampling: 1, protocol: 'netflow9' });
  const [sent, lost] = lossy.truth.exporters.reduce(([a, b], e) => [a + e.datagrams, b + e.lostDatagrams], [0, 0]);
  expect(lossy.datagrams).toHaveLength(sent - lost);
  expect(lost / sent).toBeGreaterThan(0.2);
  expect(lost / sent).toBeLessThan(0.4);
  const { datagrams } = simulate(scenarioOf('reorder'), { ...SMALL, protocol: 'sflow5' });
  expect(datagrams.some(({ sentMs }, i) => i > 0 && sentMs < datagrams[i - 1]!.sentMs)).toBe(true);
});

test('a move, a new address and a stop each make an inventory of that moment; a late one is known later', () => {
  const moved = simulate(scenarioOf('move-late-snapshot'), SMALL);
  const [change] = moved.truth.changes;
  expect(change).toMatchObject({ kind: 'moved', subject: 'db-01' });
  expect(moved.documents.inventories.map(({ knownAtMs, inventory }) => knownAtMs - Date.parse(inventory.asOf))).toEqual(
    [3_600_000, 3_600_000],
  );
  const host = (n: number) => moved.documents.inventories[n]!.inventory.vms.find(vm => vm.name === 'db-01')!.host;
  expect([host(0), host(1)]).toEqual([change!.from, change!.to]);
  const reused = simulate(scenarioOf('address-reuse'), SMALL).documents.inventories.at(-1)!.inventory;
  const owners = reused.vms.filter(vm => vm.vnics[0]!.addresses[0] === '10.20.0.10');
  expect(owners.map(({ name, status }) => `${name} ${status}`)).toEqual(['web-01 off', 'app-heir running']);
});

test('every exporter that sends is registered under the address and domain it sends with', () => {
  for (const scenario of SIMULATED) {
    const { datagrams, documents } = simulate(scenario, { ...SMALL, seconds: 20, pairs: false });
    const registered = new Set(documents.exporters.exporters.map(({ address }) => String(parseAddress(address))));
    for (const { address } of datagrams) expect(registered.has(String(parseAddress(address)))).toBe(true);
  }
});

test('neither packets nor truth know anything of the collector or the enricher', () => {
  const judges = /(harness|enrichment-adapter|\.test)\.ts$/;
  const folder = new URL('.', import.meta.url).pathname;
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'));
  expect(files).toContain('truth-book.ts');
  for (const file of files.filter(name => !judges.test(name)))
    expect(readFileSync(`${folder}${file}`, 'utf8'), file).not.toMatch(/from '.*\/(enricher|collector|query-api)\//);
});

test('SCENARIOS.md lists the scenarios', async () => {
  await expect(scenariosDocument()).toMatchFileSnapshot('SCENARIOS.md');
});

test('docs/truth.schema.json is what the code says', async () => {
  await expect(truthSchemaDocument()).toMatchFileSnapshot('../../docs/truth.schema.json');
});
