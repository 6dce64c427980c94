// Every datagram of the corpus, cut at every offset and with every byte changed in 16 seeded ways, by a decoder that knows
// the templates of the file and of the files of its exporter. It reads through a view that ends where the datagram ends,
// so that a read beyond it throws. All of it takes minutes and runs in the gate (HAIRPIN_TEST_REQUIRE); elsewhere, a seeded sample.

import { describe, expect, test } from 'vitest';
import { createBatch } from '../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { readCorpus, type Unit } from '../../testing/conformance/corpus.ts';
import { reasonWithoutRecords } from '../../testing/conformance/without-records.ts';
import { requireCorpus } from '../../testing/corpus/folder.ts';
import { CORPUS_GROUPS, memory } from '../../testing/data/datagrams.ts';
import { exhaustive } from '../../testing/requirements.ts';
import type { CapturedDatagram } from '../captures/capture.ts';
import { RECORDS_PER_DATAGRAM_MAX, STEPS_PER_DATAGRAM_MAX } from './context.ts';
import { Decoder } from './decoder.ts';
import type { PendingSet } from './exporters/pending.ts';
import type { FlowBatch } from './flow-batch.ts';

const MUTATIONS_PER_BYTE = 16;
const SEED = 20200101;
/** Mutants of what announces redefine it: the originals are decoded again after so many, and at once where data do so. */
const RESTORE_EVERY = 1024;
/** Without the gate: datagrams of an exporter, and places of a datagram, that are attacked. */
const SAMPLE = { datagrams: 4, places: 32 };

const corpusReady = requireCorpus();
if (corpusReady && !exhaustive) {
  console.log(
    `${SAMPLE.datagrams} datagrams of each exporter of the corpus are attacked at ${SAMPLE.places} places each, seed ${SEED}; ` +
      'HAIRPIN_TEST_REQUIRE=all attacks every datagram at every byte',
  );
}

interface Target extends CapturedDatagram {
  /** Rows it becomes where it stands in its file. */
  readonly records: number;
  /** Changes what the decoder knows: templates, or what options report. */
  readonly announces: boolean;
}

const worst = { datagrams: 0, records: 0, steps: 0 };
const output = {
  batch: createBatch(DECODED_COLUMNS, 4096) as unknown as FlowBatch,
  flush() {
    output.batch.rows = 0;
  },
};

/** A decoder whose reads beyond the datagram throw, and those beyond a set that has waited for its template. */
class StrictDecoder {
  readonly #decoder: Decoder;
  readonly #views = new Map<number, DataView>();
  /** Templates that were learnt or withdrawn so far. */
  layouts = 0;
  /** Those, and what options reported. */
  changes = 0;

  constructor() {
    const { store, sink } = memory();
    sink.changed = ({ type }) => {
      if (type === 'template' || type === 'withdrawn') this.layouts++;
      return type === 'seen' ? this.changes : ++this.changes;
    };
    this.#decoder = new Decoder(output, { templatesMax: 1000, exportersMax: 1000 }, undefined, { store, sink });
    const { pending } = this.#decoder.context.templated;
    const takeReady = pending.takeReady.bind(pending);
    pending.takeReady = () => takeReady().map(ready => ({ ...ready, sets: this.#eachBound(ready.sets) as never }));
  }

  /** Returns the number of records. */
  decode(payload: Uint8Array, { source, sourcePort, timeMs }: CapturedDatagram): number {
    const { context } = this.#decoder;
    this.#bound(payload.length);
    const records = this.#decoder.decode(payload, source, sourcePort, timeMs);
    output.batch.rows = 0;
    worst.datagrams++;
    if (context.records > worst.records) worst.records = context.records;
    if (context.steps > worst.steps) worst.steps = context.steps;
    return records;
  }

  *#eachBound(sets: readonly PendingSet[]): Iterable<PendingSet> {
    for (const set of sets) {
      this.#bound(set.bytes.length);
      yield set;
    }
  }

  #bound(length: number): void {
    const { context } = this.#decoder;
    const view = this.#views.get(length) ?? new DataView(context.bytes.buffer, 0, length);
    this.#views.set(length, view);
    Object.assign(context, { view });
  }
}

/** Each datagram of an exporter, with what it becomes after those before it. */
function targetsOf({ datagrams }: Unit): Target[] {
  const decoder = new StrictDecoder();
  return datagrams.map(datagram => {
    const { changes } = decoder;
    const records = decoder.decode(datagram.payload, datagram);
    return { ...datagram, records, announces: decoder.changes > changes };
  });
}

/** Linear congruential: Numerical Recipes. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

/** `count` of the items, or all of them. */
function sampleOf<T>(items: readonly T[], count: number, random: () => number): readonly T[] {
  if (exhaustive || items.length <= count) return items;
  return Array.from({ length: count }, () => items[random() % items.length]!);
}

/** The byte at hand, changed: the extremes first, then whatever the generator gives; never the byte itself. */
function changedByte(byte: number, mutation: number, random: number): number {
  const value = [0, 1, 0x7f, 0x80, 0xff, byte + 1, byte - 1, byte ^ 0x80][mutation] ?? random;
  return (value & 0xff) === byte ? byte ^ 0x55 : value & 0xff;
}

/** Attacks one datagram; returns the number of records that it becomes as it is, before and after. */
function attack(target: Target, announcers: readonly Target[], random: () => number): number {
  const { payload, announces } = target;
  let decoder = new StrictDecoder();
  const restore = (): number => {
    for (const announcer of announcers) decoder.decode(announcer.payload, announcer);
    return decoder.decode(payload, target);
  };
  // What had waited for its template comes out of the first.
  restore();
  const records = restore();
  let { layouts, changes } = decoder;
  let sinceRestored = 0;
  const mutant = (datagram: Uint8Array) => {
    decoder.decode(datagram, target);
    sinceRestored++;
    if (decoder.changes === changes) return;
    if ((announces || decoder.layouts === layouts) && sinceRestored < RESTORE_EVERY) return;
    if (restore() !== records) {
      // An exporter whose clock a mutant has set forward is not believed when it goes back.
      decoder = new StrictDecoder();
      restore();
    }
    sinceRestored = 0;
    ({ layouts, changes } = decoder);
  };
  const places = sampleOf([...payload.keys()], SAMPLE.places, random);
  for (const length of places) mutant(payload.subarray(0, length));
  const changed = payload.slice();
  for (const at of places) {
    const byte = changed[at]!;
    for (let mutation = 0; mutation < MUTATIONS_PER_BYTE; mutation++) {
      changed[at] = changedByte(byte, mutation, random() >>> 24);
      mutant(changed);
    }
    changed[at] = byte;
  }
  return records;
}

// proves: bad-tunnels
describe.runIf(corpusReady)('no cut and no changed byte throws, reads beyond the datagram or exceeds a bound', () => {
  const units = corpusReady ? readCorpus().units : [];
  const attacked = new Set<string>();
  /** The same bytes are attacked again where they mean something else. */
  const isNew = ({ payload, records }: Target): boolean => {
    const known = attacked.size;
    return attacked.add(`${records} ${Buffer.from(payload).toString('latin1')}`).size > known;
  };

  test('the groups are there', () => {
    expect(units.filter(({ files }) => files.length > 1).length).toBe(CORPUS_GROUPS.length);
  });

  test.each([...Map.groupBy(units, ({ files: [first] }) => first!.slice(0, first!.indexOf('/')))])(
    '%s',
    (_, exporters) => {
      const random = createRandom(SEED);
      for (const exporter of exporters) {
        const targets = targetsOf(exporter);
        const announcers = targets.filter(({ announces }) => announces);
        const silent = exporter.files.every(file => reasonWithoutRecords(file) !== undefined);
        expect(targets.some(({ records }) => records > 0)).toBe(!silent);
        let bytes = 0;
        worst.datagrams = 0;
        for (const target of sampleOf(targets, SAMPLE.datagrams, random)) {
          if (!isNew(target)) continue;
          // What is changed is data, with templates from another file as well. An announcement may release what waited.
          expect(attack(target, announcers, random) > 0 || target.records === 0 || target.announces).toBe(true);
          bytes += exhaustive ? target.payload.length : Math.min(target.payload.length, SAMPLE.places);
        }
        expect(worst.datagrams).toBeGreaterThanOrEqual(bytes * (1 + MUTATIONS_PER_BYTE));
      }
      expect(worst.records).toBeLessThanOrEqual(RECORDS_PER_DATAGRAM_MAX);
      expect(worst.steps).toBeLessThanOrEqual(STEPS_PER_DATAGRAM_MAX);
    },
    1_800_000,
  );
});
