// The decoders against other decoders, over the whole corpus.

import { beforeAll, describe, expect, test } from 'vitest';
import { readCapture } from '../../collector/captures/capture.ts';
import { pathOf, requireCorpus } from '../corpus/folder.ts';
import { onPath, requireTool } from '../requirements.ts';
import type { Agreement } from './agreement.ts';
import { compareCorpus } from './comparisons.ts';
import { readCorpus } from './corpus.ts';
import { unreviewed } from './disagreements.ts';
import { countRecords, unexplained } from './file-reports.ts';
import { datagramsOfFiles } from './tshark.ts';

const ready =
  requireTool('tshark', onPath('tshark') && onPath('mergecap'), 'no such program on PATH (Debian package tshark)') &&
  requireCorpus();

describe.skipIf(!ready)('the corpus', () => {
  const corpus = readCorpus();
  let agreements: Agreement[] = [];
  beforeAll(async () => {
    agreements = await compareCorpus(corpus);
  });

  test('captures hold the datagrams that tshark finds in them', async () => {
    const files = corpus.captures.filter(file => file.endsWith('.pcap'));
    const ours = files.flatMap(file =>
      readCapture(pathOf(file)).datagrams.map(
        ({ source, sourcePort, payload }) => `${source} ${sourcePort} ${payload.length}`,
      ),
    );
    expect(ours.length).toBeGreaterThan(3800);
    expect(await datagramsOfFiles(files.map(file => pathOf(file)))).toEqual(ours);
  });

  test('other decoders say the same of every record, but for what has been reviewed', () => {
    expect(unreviewed(agreements)).toEqual([]);
  });

  test('no file is left out, and those without records are the ones of the list', () => {
    expect(unexplained(corpus, countRecords(corpus), agreements)).toEqual([]);
  });
});
