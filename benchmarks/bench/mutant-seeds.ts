// The datagrams that `bench fuzz` and `bench hostile` mutate.

import { statSync } from 'node:fs';
import { readCapture } from '../../collector/captures/capture.ts';
import { readCorpus } from '../../testing/conformance/corpus.ts';
import { pathOf } from '../../testing/corpus/folder.ts';
import { DECODE_VARIANTS } from './decode-variants.ts';

/** Captures of the corpus, each content once; what is too short for one is left out. */
export function captureFiles(): string[] {
  const { captures, twins } = readCorpus();
  return captures.filter(file => !twins.has(file) && statSync(pathOf(file)).size >= 4).map(file => pathOf(file));
}

/** The datagrams of `bench decode`, and those of captures. */
export function seedsOf(captures: readonly string[]): Uint8Array[] {
  const builtIn = Object.values(DECODE_VARIANTS).flatMap(({ datagrams }) => [...datagrams.templates, datagrams.data]);
  return [...builtIn, ...captures.flatMap(file => readCapture(file).datagrams.map(({ payload }) => payload))];
}
