// The decoders against other decoders, over the whole corpus, and docs/PROTOCOLS.md, which says what came of it.

import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { readCapture } from '../../collector/captures/capture.ts';
import { CORPUS } from '../data/datagrams.ts';
import { onPath, requireTool } from '../requirements.ts';
import type { Agreement } from './agreement.ts';
import { compareCorpus } from './comparisons.ts';
import { readCorpus } from './corpus.ts';
import { reportFiles, unexplained } from './corpus-tables.ts';
import { unreviewed } from './disagreements.ts';
import { protocolsDocument } from './document.ts';
import { FEATURES } from './features.ts';
import { MALFORMED_CASES } from './malformed-cases.ts';
import { MALFORMED_INPUTS } from './malformed-inputs.ts';
import { matches, missingTests } from './proof.ts';
import { QUIRKS } from './quirks.ts';
import { datagramsOfFiles } from './tshark.ts';

const ready =
  requireTool('tshark', onPath('tshark') && onPath('mergecap'), 'no such program on PATH (Debian package tshark)') &&
  requireTool('corpus', existsSync(CORPUS), `no folder ${CORPUS}`);

const LINES = [...FEATURES.flatMap(({ features }) => features), ...QUIRKS];

describe('what the tables name', () => {
  test('tests are there by their titles', () => {
    const references = [...LINES, ...MALFORMED_CASES].flatMap(({ tests = [] }) => tests);
    expect(missingTests(references)).toEqual([]);
    expect(missingTests([{ file: 'testing/conformance/conformance.test.ts', title: 'no such title' }]).length).toBe(1);
  });

  test('every malformed case has inputs, and every line has a proof or a reason', () => {
    expect(MALFORMED_CASES.length).toBe(32);
    expect(MALFORMED_INPUTS.map(inputs => inputs.length > 0)).toEqual(MALFORMED_CASES.map(() => true));
    const bare = LINES.filter(
      ({ captures = [], tests = [], unsupported }) => captures.length + tests.length === 0 && !unsupported,
    );
    expect(bare).toEqual([]);
  });
});

describe.skipIf(!ready)('the corpus', () => {
  const corpus = readCorpus();
  let agreements: Agreement[] = [];
  beforeAll(async () => {
    agreements = await compareCorpus(corpus);
  });

  test('captures hold the datagrams that tshark finds in them', async () => {
    const files = corpus.captures.filter(file => file.endsWith('.pcap'));
    const ours = files.flatMap(file =>
      readCapture(CORPUS + file).datagrams.map(
        ({ source, sourcePort, payload }) => `${source} ${sourcePort} ${payload.length}`,
      ),
    );
    expect(ours.length).toBeGreaterThan(4000);
    expect(await datagramsOfFiles(files.map(file => CORPUS + file))).toEqual(ours);
  });

  test('other decoders say the same of every record, but for what has been reviewed', () => {
    expect(unreviewed(agreements)).toEqual([]);
  });

  test('every capture that a table names is there', () => {
    const patterns = LINES.flatMap(({ captures = [] }) => captures);
    expect(patterns.filter(pattern => !corpus.all.some(file => matches(pattern, file)))).toEqual([]);
  });

  test('no file is left out, and docs/PROTOCOLS.md is what has been found', async () => {
    const reports = reportFiles(corpus);
    expect(unexplained(corpus, reports, agreements)).toEqual([]);
    await expect(protocolsDocument(corpus, agreements, reports)).toMatchFileSnapshot('../../docs/PROTOCOLS.md');
  });
});
