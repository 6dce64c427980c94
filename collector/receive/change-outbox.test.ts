// Changes on their way to the journal: when they leave, in which order, and what a flood of them does.

import { describe, expect, test } from 'vitest';
import { PROTOCOL } from '../../schemas/codes.ts';
import type { Change } from '../decode/exporters/template-store.ts';
import { createChangeOutbox, OUTBOX_BYTES_MAX } from './change-outbox.ts';

function outbox() {
  const posted: (readonly Change[])[] = [];
  const turns: (() => void)[] = [];
  const clock = { ms: 0 };
  const box = createChangeOutbox({
    post: changes => posted.push(changes),
    isProven: key => key.port === 1,
    later: act => turns.push(act),
    now: () => clock.ms,
  });
  const endTurn = () => {
    for (const act of turns.splice(0)) act();
  };
  return { box, posted, endTurn, clock };
}

const templateOf = (port: number, templateId: number, bytes = 8): Change => ({
  type: 'template',
  key: { address: '192.0.2.1', port, protocol: PROTOCOL.ipfix, domain: 0 },
  atMs: 0,
  setId: 2,
  templateId,
  raw: new Uint8Array(bytes),
});
const forgotten = (port: number): Change => ({ type: 'forgotten', key: templateOf(port, 0).key });

describe('changes', () => {
  test('leave together at the end of the turn that learned them, in order', () => {
    const { box, posted, endTurn } = outbox();
    const changes = [templateOf(1, 300), forgotten(2), templateOf(2, 300)];
    for (const change of changes) box.changed(change);
    expect(posted).toEqual([]);
    endTurn();
    expect(posted).toEqual([changes]);
  });

  test('that are replaced before they left are not sent; the newer one keeps the order', () => {
    const { box, posted, endTurn } = outbox();
    const newer = templateOf(1, 300, 12);
    box.changed(templateOf(1, 300));
    box.changed(forgotten(1));
    box.changed(newer);
    endTurn();
    expect(posted).toEqual([[forgotten(1), newer]]);
  });

  test('of a flood leave half a megabyte each tenth of a second; the end sends all', () => {
    const { box, posted, endTurn, clock } = outbox();
    for (let id = 256; id < 1256; id++) box.changed(templateOf(2, id, 1000));
    endTurn();
    expect(posted.map(({ length }) => length)).toEqual([418]);
    box.flush();
    expect(posted.length).toBe(1);
    clock.ms = 100;
    box.flush();
    expect(posted.map(({ length }) => length)).toEqual([418, 418]);
    box.flush(true);
    expect(posted.map(({ length }) => length)).toEqual([418, 418, 164]);
  });

  test('beyond the bound are dropped, the oldest of unproven domains first, counted', () => {
    const { box, posted } = outbox();
    const proven = templateOf(1, 300);
    box.changed(proven);
    const total = OUTBOX_BYTES_MAX / 1024 + 100;
    for (let port = 2; port < total + 2; port++) box.changed(templateOf(port, 300, 768));
    expect(box.dropped).toBe(101);
    box.flush(true);
    expect(posted[0]!.length).toBe(total - 100);
    expect(posted[0]![0]).toEqual(proven);
  });
});
