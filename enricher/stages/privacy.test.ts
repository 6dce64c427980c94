import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { fixedKnowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { formatAddress, parseAddress, swap32, type Words, wordsOfRow } from '../../schemas/address.ts';
import { LOCALITIES, RULES } from '../../schemas/codes.ts';
import { BATCH_KEY, batchOf, documentsOf, LIMITS, type Row } from '../../testing/data/enrichment.ts';
import { createNodeNames } from '../endpoints/node-names.ts';
import { Enrichment, type FlowBatch } from './enrich.ts';
import { createAnonymisation, createTruncation, openPrivacy, type Privacy } from './privacy.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-privacy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEY = Buffer.from('k'.repeat(32));

function hidden(privacy: Privacy, addresses: readonly string[], isOutside: (address: Words) => boolean = () => true) {
  const hide = privacy.beside(isOutside);
  return addresses.map(text => {
    const column = Uint32Array.from(parseAddress(text)!, swap32);
    hide(column, 0);
    return formatAddress(wordsOfRow(column, 0));
  });
}

/** What is stored of HMAC-SHA-256: 108 bits of it behind 3fff:0::/20. */
function hmacOf(key: Uint8Array, bytes: string): string {
  const digest = createHmac('sha256', key).update(Buffer.from(bytes, 'hex')).digest('hex');
  const groups = `3fff0${digest.slice(5, 32)}`.match(/.{4}/g)!;
  return formatAddress(parseAddress(groups.join(':'))!);
}

const ADDRESSES = ['198.51.100.77', '8.8.4.4', '2001:db8:1:2:3:4:5:6', '64:ff9b::808:404'];

test('truncate keeps the /24 and the /48', () => {
  expect(hidden(createTruncation(), ADDRESSES)).toEqual(['198.51.100.0', '8.8.4.0', '2001:db8:1::', '64:ff9b::']);
});

test('a network whose first address is ours stands in the documentation prefix, where nobody is', () => {
  const ours = new Set(['198.51.100.0', '2001:db8:1::']);
  const isOutside = (address: Words) => !ours.has(formatAddress(address));
  expect(hidden(createTruncation(), ADDRESSES, isOutside)).toEqual([
    '3fff:fff::c633:6400',
    '8.8.4.0',
    '3fff:fff:2001:db8:1::',
    '64:ff9b::',
  ]);
});

test('anonymise gives HMAC-SHA-256, the same for the same address under one key', () => {
  const privacy = createAnonymisation(KEY);
  const [first, second, again, six] = hidden(privacy, [
    '198.51.100.77',
    '198.51.100.78',
    '198.51.100.77',
    '2001:db8::1',
  ]);
  expect(first).toBe(hmacOf(KEY, '00000000000000000000ffffc633644d'));
  expect(six).toBe(hmacOf(KEY, '20010db8000000000000000000000001'));
  expect(again).toBe(first);
  expect(second).not.toBe(first);
  expect(hidden(createAnonymisation(Buffer.from('j'.repeat(32))), ['198.51.100.77'])).not.toEqual([first]);
});

test('what is hidden already stays as it is', () => {
  const truncated = hidden(createTruncation(), ADDRESSES);
  expect(hidden(createTruncation(), truncated)).toEqual(truncated);
  const hashed = hidden(createAnonymisation(KEY), ADDRESSES);
  expect(hidden(createAnonymisation(KEY), hashed)).toEqual(hashed);
  expect(hidden(createTruncation(), hashed)).toEqual(hashed);
});

test('at the bound of remembered hashes they are made again, the same', () => {
  const addresses = Array.from({ length: 100 }, (_, i) => `198.51.100.${i % 25}`);
  expect(hidden(createAnonymisation(KEY, 8), addresses)).toEqual(hidden(createAnonymisation(KEY), addresses));
});

test('a key that cannot be used is refused with its place and without its text', () => {
  const short = join(folder, 'short');
  writeFileSync(short, 'geheim');
  for (const privacyKey of [short, join(folder, 'none')]) {
    const open = () => openPrivacy({ privacy: 'anonymise', privacyKey });
    expect(open).toThrow(/PRIVACY_KEY_UNUSABLE: --privacy-key .*openssl rand/);
    expect(open).not.toThrow(/geheim/);
  }
  const file = join(folder, 'key');
  writeFileSync(file, `${KEY.toString()}\n`);
  expect(hidden(openPrivacy({ privacy: 'anonymise', privacyKey: file })!, ['1.2.3.4'])).toEqual(
    hidden(createAnonymisation(KEY), ['1.2.3.4']),
  );
  expect(openPrivacy({ privacy: 'off', privacyKey: file })).toBeUndefined();
});

const DOCUMENTS = documentsOf({
  inventory: {
    segments: [{ id: 'dmz', prefixes: ['203.0.113.0/28'] }],
    hosts: [{ id: 'h1', name: 'esx-1' }],
    vms: [
      { id: 'a', name: 'web-1', host: 'h1', vnics: [{ mac: '02:00:00:00:00:01', addresses: ['192.0.2.80'] }] },
      // Nobody says which addresses it has: what comes by its MAC is taken for its own.
      { id: 'b', name: 'vpn-1', host: 'h1', vnics: [{ mac: '02:00:00:00:00:02' }] },
    ],
  },
  applications: {
    applications: [{ id: 'partner', name: 'partner', servers: { addresses: ['198.51.100.7'] }, ports: ['tcp/443'] }],
  },
});

function enriched(rows: readonly Row[], privacy: Privacy | undefined): FlowBatch {
  const batch = batchOf(rows);
  const knowledge = fixedKnowledge(compileSnapshot(DOCUMENTS));
  new Enrichment(knowledge, createNodeNames(), { ...LIMITS, hiding: privacy }).enrichBatch(batch, BATCH_KEY);
  return batch;
}

function words({ columns, rows }: FlowBatch) {
  return Array.from({ length: rows }, (_, row) => ({
    src: formatAddress(wordsOfRow(columns.srcAddr, row)),
    dst: formatAddress(wordsOfRow(columns.dstAddr, row)),
    srcApp: [columns.srcApp[2 * row], columns.srcApp[2 * row + 1]],
    dstApp: [columns.dstApp[2 * row], columns.dstApp[2 * row + 1]],
    srcVm: [columns.srcVm[2 * row], columns.srcVm[2 * row + 1]],
    rules: [RULES[columns.srcRule[row]!], RULES[columns.dstRule[row]!]],
    locality: LOCALITIES[columns.locality[row]!],
  }));
}

test('ends inside, of a segment, of the inventory and of nobody in particular stay whole; others do not, MAC or not', () => {
  const rows: Row[] = [
    { src: '10.0.0.5', dst: '198.51.100.7' },
    { src: '192.0.2.80', dst: '203.0.113.9' },
    { src: '203.0.113.99', dst: '224.0.0.5' },
    { src: '198.51.100.99', srcMac: '02:00:00:00:00:02', dst: '169.254.1.1' },
    { src: '2001:db8:1:2::3', dst: 'fd00::1' },
  ];
  const plain = words(enriched(rows, undefined));
  const cut = words(enriched(rows, createTruncation()));
  expect(cut.map(({ src, dst }) => [src, dst])).toEqual([
    ['10.0.0.5', '198.51.100.0'],
    ['192.0.2.80', '203.0.113.9'],
    // 203.0.113.0 is in the segment.
    ['3fff:fff::cb00:7100', '224.0.0.5'],
    ['198.51.100.0', '169.254.1.1'],
    ['2001:db8:1::', 'fd00::1'],
  ]);
  // Everything was decided before.
  expect(cut.map(({ src, dst, ...rest }) => rest)).toEqual(plain.map(({ src, dst, ...rest }) => rest));
  expect(cut[0]!.rules).toEqual(['auto-prefix', 'server-port']);
});
