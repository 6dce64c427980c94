// Every datagram of the corpus, cut at every offset and with every byte changed in 16 seeded ways. The decoder reads
// through a view that ends where the datagram ends, so that a read beyond it throws.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createBatch } from '../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { requireTool } from '../../service/test-requirements.ts';
import { readCapture } from '../capture.ts';
import { RECORDS_PER_DATAGRAM_MAX, STEPS_PER_DATAGRAM_MAX } from './context.ts';
import { Decoder } from './decoder.ts';
import type { FlowBatch } from './flow-batch.ts';
import { CORPUS, RECEIVED_MS } from './testdata.ts';

const MUTATIONS_PER_BYTE = 16;
const SEED = 20200101;
/** Mutated datagrams may redefine templates: the originals are decoded again after so many. */
const RESTORE_EVERY = 1024;

const corpusReady = requireTool('corpus', existsSync(CORPUS), `no folder ${CORPUS}`);

/** The unique payloads of each folder of the corpus, file by file; what is no capture has none. */
function payloadsByFolder(): Map<string, Uint8Array[][]> {
  const seen = new Set<string>();
  const folders = new Map<string, Uint8Array[][]>();
  for (const entry of readdirSync(CORPUS, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || /\.(json|out|tsv|txt|yaml|yml)$/.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    let payloads: Uint8Array[];
    try {
      payloads = readCapture(file).datagrams.map(({ payload }) => payload);
    } catch {
      continue;
    }
    const unique = payloads.filter(payload => {
      const text = Buffer.from(payload).toString('latin1');
      return !seen.has(text) && seen.add(text);
    });
    if (unique.length === 0) continue;
    const folder = file.slice(CORPUS.length).split('/')[0]!;
    folders.set(folder, [...(folders.get(folder) ?? []), unique]);
  }
  return folders;
}

/** A decoder whose reads beyond the datagram throw, and what is worst of all it did. */
function strictDecoder() {
  const output = {
    batch: createBatch(DECODED_COLUMNS, 4096) as unknown as FlowBatch,
    flush() {
      output.batch.rows = 0;
    },
  };
  const decoder = new Decoder(output, { templatesMax: 1000, exportersMax: 1000 });
  const { context } = decoder;
  // A set that waited for its template may be longer than the datagram that brings it: other tests decode those.
  Object.assign(context.pending, { add() {} });
  const worst = { datagrams: 0, records: 0, steps: 0 };
  return {
    worst,
    decode(datagram: Uint8Array): void {
      Object.assign(context, { view: new DataView(context.bytes.buffer, 0, datagram.length) });
      decoder.decode(datagram, '198.51.100.7', 50000, RECEIVED_MS);
      output.batch.rows = 0;
      worst.datagrams++;
      if (context.records > worst.records) worst.records = context.records;
      if (context.steps > worst.steps) worst.steps = context.steps;
    },
  };
}

/** The byte at hand, changed: the extremes first, then whatever the generator gives; never the byte itself. */
function changedByte(byte: number, mutation: number, random: number): number {
  const value = [0, 1, 0x7f, 0x80, 0xff, byte + 1, byte - 1, byte ^ 0x80][mutation] ?? random;
  return (value & 0xff) === byte ? byte ^ 0x55 : value & 0xff;
}

function attack(decode: (datagram: Uint8Array) => void, payloads: readonly Uint8Array[]): void {
  let state = SEED;
  let sinceRestored = 0;
  const mutant = (datagram: Uint8Array) => {
    decode(datagram);
    if (++sinceRestored < RESTORE_EVERY) return;
    sinceRestored = 0;
    for (const payload of payloads) decode(payload);
  };
  for (const payload of payloads) decode(payload);
  for (const payload of payloads) {
    for (let length = 0; length < payload.length; length++) mutant(payload.subarray(0, length));
    const changed = payload.slice();
    for (let at = 0; at < changed.length; at++) {
      const byte = changed[at]!;
      for (let mutation = 0; mutation < MUTATIONS_PER_BYTE; mutation++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        changed[at] = changedByte(byte, mutation, state >>> 24);
        mutant(changed);
      }
      changed[at] = byte;
    }
  }
}

describe.runIf(corpusReady)('no cut and no changed byte throws, reads beyond the datagram or exceeds a bound', () => {
  test.each(corpusReady ? [...payloadsByFolder()] : [])(
    '%s',
    (_, files) => {
      let bytes = 0;
      let datagrams = 0;
      for (const payloads of files) {
        const { decode, worst } = strictDecoder();
        attack(decode, payloads);
        expect(worst.records).toBeLessThanOrEqual(RECORDS_PER_DATAGRAM_MAX);
        expect(worst.steps).toBeLessThanOrEqual(STEPS_PER_DATAGRAM_MAX);
        bytes += payloads.reduce((sum, payload) => sum + payload.length, 0);
        datagrams += worst.datagrams;
      }
      expect(datagrams).toBeGreaterThanOrEqual(bytes * (1 + MUTATIONS_PER_BYTE));
    },
    600_000,
  );
});
