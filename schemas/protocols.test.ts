import { expect, test } from 'vitest';
import { domainTitles, PROTOCOL_ROWS, protocolCodes, protocolRow, protocolTitles } from './protocols.ts';

test('a datagram opens with the bytes of one protocol at most', () => {
  const opens = PROTOCOL_ROWS.flatMap(row => ('opens' in row ? [row.opens] : []));
  expect(opens.length).toBeGreaterThan(8);
  for (const bytes of opens) expect(opens.filter(other => other.startsWith(bytes))).toEqual([bytes]);
});

test('titles name the versions of a family together', () => {
  expect(protocolTitles()).toBe('NetFlow v1, v5, v6, v7, v8 and v9, IPFIX, sFlow v2, v4 and v5');
  expect(protocolTitles(({ templates }) => templates)).toBe('NetFlow v9, IPFIX');
  expect(domainTitles()).toContain('NetFlow v5 and v6: engine; ');
});

test('loss is in what the sequence counts', () => {
  const unit = (sequence: string) =>
    protocolCodes(row => row.sequence === sequence).map(code => protocolRow(code).name);
  expect(unit('datagrams')).toEqual(['netflow9', 'sflow5', 'sflow4', 'sflow2', 'mirror']);
  expect(unit('records')).toEqual(['netflow5', 'netflow7', 'netflow8', 'ipfix', 'netflow6']);
  expect(unit('nothing')).toEqual(['unknown', 'netflow1']);
});

test('loss is added to what NetFlow and IPFIX report, where they number it', () => {
  const adjusted = protocolCodes(({ lossAdjusted }) => lossAdjusted).map(code => protocolRow(code).name);
  expect(adjusted.sort()).toEqual(['ipfix', 'netflow5', 'netflow6', 'netflow7', 'netflow8', 'netflow9']);
});

test('a code of a newer version reads as unknown', () => {
  expect(protocolRow(200).name).toBe('unknown');
});
