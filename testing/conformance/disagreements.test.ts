import { expect, test } from 'vitest';
import { Agreement, UNTOLD } from './agreement.ts';
import { DISAGREEMENTS, unreportedOf, unreviewed } from './disagreements.ts';

/** A comparison in which a reviewed entry differs in all that it names. */
const reviewed = DISAGREEMENTS.flatMap(({ oracle, subjects, fields }) =>
  subjects.map(subject => {
    const agreement = new Agreement(oracle, [subject]);
    for (const field of fields) agreement.differ(field, 1, '');
    return agreement;
  }),
);

test('a difference on the list is none that is open', () => {
  expect(unreviewed(reviewed)).toEqual([]);
});

test('a difference that nobody has reviewed is reported with its values', () => {
  const agreement = new Agreement('tshark', ['a.pcap']);
  agreement.compareRecord(0, { bytes: 1, packets: 1 }, { bytes: 1, packets: 1 });
  agreement.compareRecord(1, { bytes: 1, packets: 1 }, { bytes: 2, packets: 1, tos: undefined });
  expect(agreement).toMatchObject({ records: 2, fields: 4, agreeing: 3, differing: 1 });
  expect(unreviewed([...reviewed, agreement])).toEqual(['a.pcap: 1 times bytes: record 1: bytes is 1, tshark says 2']);
});

test('a field that no longer differs is reported, so that its entry goes', () => {
  const [first, ...others] = reviewed;
  const left = DISAGREEMENTS[0]!.fields.map(
    field => `${first!.subject}: ${first!.oracle} agrees on ${field}, the entry can go`,
  );
  expect(unreviewed(others)).toEqual(left);
});

test('records of which an oracle reports too little, and records that it leaves out, are differences', () => {
  const agreement = new Agreement('tshark', ['a.pcap']);
  agreement.compareRecord(0, { bytes: 1 }, { bytes: 1 });
  expect(agreement.leaveOut(['a', 'b', 'c'], [1, 1])).toEqual(['a', 'c']);
  expect(agreement).toMatchObject({ fields: 1, agreeing: 1, differing: 2 });
  expect(unreviewed([...reviewed, agreement]).length).toBe(2);
});

test('rows are left out only where an entry says so', () => {
  const entry = DISAGREEMENTS.find(({ unreported }) => unreported)!;
  expect(entry.fields).toEqual([UNTOLD]);
  expect(unreportedOf(entry.oracle, entry.subjects[0]!)).toEqual(entry.unreported);
  expect(unreportedOf(entry.oracle, 'a.pcap')).toEqual([0, 0]);
});
