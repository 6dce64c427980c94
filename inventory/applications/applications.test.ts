// The index against the plain meaning of a document: every application tried, selector by selector.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maskWords, parseAddress, parseMac, parsePrefix } from '../../schemas/address.ts';
import { type Application, applicationsChecker } from '../../schemas/applications.ts';
import { globMatches } from '../../schemas/glob.ts';
import { SET } from './application-sets.ts';
import { ApplicationTable, compileApplications, type Subject } from './applications.ts';

function claims({ servers }: Application, subject: Subject): boolean {
  const { name, tags = [], folder, portGroups = [], segment, mac, address } = subject;
  const within = (above: string) => `${folder}/`.startsWith(`${above.replace(/\/+$/, '')}/`);
  const holds = (text: string) => {
    const prefix = parsePrefix(text)!;
    return String(maskWords(address!, prefix.length)) === String(prefix.words);
  };
  return (
    (name !== undefined && servers.names.some(glob => globMatches(glob, name))) ||
    servers.tags.some(tag => tags.includes(tag)) ||
    (folder !== undefined && servers.folders.some(within)) ||
    servers.portGroups.some(group => portGroups.includes(group)) ||
    (segment !== undefined && servers.segments.includes(segment)) ||
    (mac !== undefined && servers.macs.some(text => sameMac(text, mac))) ||
    (address !== undefined && [...servers.addresses, ...servers.prefixes].some(holds))
  );
}

function sameMac(a: string, b: string): boolean {
  const [x, y] = [parseMac(a)!, parseMac(b)!];
  return x.low === y.low && x.high === y.high;
}

const word = fc.constantFrom('a', 'b', 'ab', 'web-1', 'Web-2', 'db');
const servers = fc.record({
  names: fc.array(fc.constantFrom('a*', '*b', 'web-?', 'WEB-1', '*', '*e*', 'd?'), { maxLength: 2 }),
  tags: fc.array(word, { maxLength: 2 }),
  folders: fc.array(fc.constantFrom('/', '/a', '/a/b/', '/a/bc', 'x'), { maxLength: 2 }),
  portGroups: fc.array(word, { maxLength: 1 }),
  segments: fc.array(word, { maxLength: 1 }),
  addresses: fc.array(fc.constantFrom('10.0.0.1', 'fd00::1'), { maxLength: 1 }),
  prefixes: fc.array(fc.constantFrom('10.0.0.0/8', '10.0.0.0/31', 'fd00::/8', '0.0.0.0/0'), { maxLength: 2 }),
  macs: fc.array(fc.constantFrom('02:00:00:00:00:01', '02-00-00-00-00-02'), { maxLength: 1 }),
});
const subject = fc.record(
  {
    name: word,
    tags: fc.array(word, { maxLength: 2 }),
    folder: fc.constantFrom('/', '/a', '/a/b', '/a/b/c', '/a/bc', 'x/y', 'a'),
    portGroups: fc.array(word, { maxLength: 2 }),
    segment: word,
    mac: fc.constantFrom('02:00:00:00:00:01', '0200.0000.0002'),
    address: fc.constantFrom('10.0.0.1', '10.0.0.2', '11.0.0.1', 'fd00::1', 'fe00::1').map(text => parseAddress(text)!),
  },
  { requiredKeys: [] },
);

test('an endpoint belongs to the applications whose selectors match, in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(servers, fc.boolean()), { minLength: 1, maxLength: 6 }), subject, (given, asked) => {
      const document = applicationsChecker.check('applications', {
        applications: given.map(([selectors, strict], i) => ({
          id: `${i}`,
          // Never empty, and matches nobody.
          servers: { ...selectors, tags: [...selectors.tags, 'nobody'] },
          ports: ['tcp/80'],
          strict,
        })),
      });
      const table = new ApplicationTable(structuredClone(compileApplications(document)));
      const members = document.applications.flatMap((application, i) => (claims(application, asked) ? [i + 1] : []));
      const set = table.setOf(asked as Subject) * SET.words;
      expect({ client: table.sets[set + SET.client], server: table.sets[set + SET.server] }).toEqual({
        client: members[0] ?? 0,
        server: members.find(member => !document.applications[member - 1]!.strict) ?? 0,
      });
    }),
    { numRuns: 500 },
  );
});

test('beyond the bound of sets an endpoint belongs to the first application that claims it, counted', () => {
  const document = applicationsChecker.check('applications', {
    applications: ['a', 'b', 'c'].map(tag => ({ id: tag, servers: { tags: [tag] }, ports: ['tcp/1'] })),
  });
  const table = new ApplicationTable(compileApplications(document), 2);
  const clientOf = (...tags: string[]) => table.sets[table.setOf({ tags }) * SET.words + SET.client];
  expect([clientOf('a'), clientOf('a', 'b'), table.cut]).toEqual([1, 1, 0]);
  expect([clientOf('b', 'c'), clientOf('b'), clientOf('a', 'b'), table.cut]).toEqual([2, 2, 1, 1]);
});
