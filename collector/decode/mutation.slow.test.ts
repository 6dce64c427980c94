// Datagrams of the corpus, cut at an offset and with the byte there changed in 16 seeded ways, by a decoder that knows the
// templates of the file and of the files of its exporter. It reads through a view that ends where the datagram ends, so
// that a read beyond it throws.
//
// Datagrams of an exporter that have one length and become as many records are of one kind: they share its offsets among
// them, since a field behaves alike in each. Kinds that are long share a number of places, one in each run of neighbouring
// offsets. So no kind is left out, and no place of a short one. HAIRPIN_TEST_MUTATIONS=all attacks every datagram at every
// byte instead, which takes a quarter of an hour.

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

interface Effort {
  /** Kinds of at most so many bytes are attacked at each of them. */
  readonly wholeBytesMax: number;
  /** Of an exporter, over its longer kinds. */
  readonly places: number;
}
const GATE: Effort = { wholeBytesMax: 256, places: 4096 };
const ELSEWHERE: Effort = { wholeBytesMax: 0, places: 128 };
const everything = process.env['HAIRPIN_TEST_MUTATIONS'] === 'all';
const { wholeBytesMax, places: placesMax } = exhaustive ? GATE : ELSEWHERE;

const corpusReady = requireCorpus();
if (corpusReady && !everything) {
  console.log(
    `each exporter of the corpus is attacked at about ${placesMax} places, and at every one of its kinds of datagrams of at most ${wholeBytesMax} bytes, seed ${SEED}; ` +
      'HAIRPIN_TEST_MUTATIONS=all attacks every datagram at every byte',
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

/** The offsets at which each of the datagrams is attacked. */
function placesOf(targets: readonly Target[], random: () => number): Map<Target, number[]> {
  if (everything) return new Map(targets.map(target => [target, [...target.payload.keys()]]));
  const kinds = [
    ...Map.groupBy(targets, ({ payload, records, announces }) => `${payload.length} ${records} ${announces}`).values(),
  ];
  const lengthOf = (kind: readonly Target[]) => kind[0]!.payload.length;
  const long = kinds.map(lengthOf).filter(length => length > wholeBytesMax);
  const run = Math.ceil(long.reduce((sum, length) => sum + length, 0) / placesMax);
  const places = new Map<Target, number[]>();
  for (const kind of kinds) {
    const length = lengthOf(kind);
    const step = length > wholeBytesMax ? run : 1;
    for (let from = 0; from < length; from += step) {
      const at = from + ((random() >>> 8) % Math.min(step, length - from));
      const target = kind[(random() >>> 8) % kind.length]!;
      places.set(target, [...(places.get(target) ?? []), at]);
    }
  }
  return places;
}

/** The byte at hand, changed: the extremes first, then whatever the generator gives; never the byte itself. */
function changedByte(byte: number, mutation: number, random: number): number {
  const value = [0, 1, 0x7f, 0x80, 0xff, byte + 1, byte - 1, byte ^ 0x80][mutation] ?? random;
  return (value & 0xff) === byte ? byte ^ 0x55 : value & 0xff;
}

interface Attack {
  readonly target: Target;
  readonly places: readonly number[];
  readonly announcers: readonly Target[];
}

/** Attacks one datagram; returns the number of records that it becomes as it is, before and after. */
function attack({ target, places, announcers }: Attack, random: () => number): number {
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
  const known = new Set<string>();
  /** The same bytes are attacked again where they mean something else. */
  const isNew = ({ payload, records }: Target): boolean => {
    const { size } = known;
    return known.add(`${records} ${Buffer.from(payload).toString('latin1')}`).size > size;
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
        worst.datagrams = 0;
        const attacked = placesOf(targets.filter(isNew), random);
        for (const [target, places] of attacked) {
          // What is changed is data, with templates from another file as well. An announcement may release what waited.
          const records = attack({ target, places, announcers }, random);
          expect(records > 0 || target.records === 0 || target.announces).toBe(true);
        }
        const places = [...attacked.values()].reduce((sum, { length }) => sum + length, 0);
        expect(worst.datagrams).toBeGreaterThanOrEqual(places * (1 + MUTATIONS_PER_BYTE));
      }
      expect(worst.records).toBeLessThanOrEqual(RECORDS_PER_DATAGRAM_MAX);
      expect(worst.steps).toBeLessThanOrEqual(STEPS_PER_DATAGRAM_MAX);
    },
    1_800_000,
  );
});
