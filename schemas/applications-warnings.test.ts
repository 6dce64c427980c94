import { expect, test } from 'vitest';
import { applicationsChecker } from './applications.ts';
import { applicationsWarnings } from './applications-warnings.ts';
import type { DocumentError } from './documents.ts';
import { inventoryChecker } from './inventory.ts';

const documentOf = (...applications: object[]) => applicationsChecker.check('applications', { applications });

test('prefixes within those of an application before are reported, with what is left of them', () => {
  const reported = applicationsWarnings(
    documentOf(
      { id: 'wide', servers: { prefixes: ['10.0.0.0/8', 'fd00::/8'] }, ports: ['tcp/1-1000'] },
      { id: 'inside', servers: { prefixes: ['10.1.0.0/16', '11.0.0.0/8'] }, ports: ['tcp/443'] },
      { id: 'other', servers: { addresses: ['10.1.2.3', 'fd00::1'] }, ports: ['tcp/443', 'udp/53'] },
      { id: 'wider', servers: { prefixes: ['0.0.0.0/0'] } },
    ),
  );
  const paths = Object.fromEntries(reported.map(({ path, message }) => [path, message]));
  expect(paths).toEqual({
    '/applications/1/servers/prefixes/0':
      'lies within /applications/0/servers/prefixes/0, which comes first: this one never decides',
    '/applications/2/servers/addresses/0':
      'lies within /applications/0/servers/prefixes/0, which comes first: this one decides on its own ports only',
    '/applications/2/servers/addresses/1':
      'lies within /applications/0/servers/prefixes/1, which comes first: this one decides on its own ports only',
  });
});

test('selectors given twice and selectors that match nothing are reported by their path', () => {
  const inventory = inventoryChecker.check('inventory', {
    source: 'test',
    asOf: '2026-01-01T00:00:00Z',
    vms: [{ id: '1', name: 'Web-01', folder: '/prod/shop', tags: ['a'] }],
  });
  const document = documentOf(
    { id: 'web', servers: { names: ['web-*', 'WEB-*', 'db-*'], tags: ['a', 'b'], folders: ['/prod/', '/pro'] } },
    { id: 'again', servers: { names: ['web-*'], segments: ['dmz'] }, ports: ['tcp/80'] },
  );
  expect(applicationsWarnings(document, inventory).map(({ path, message }) => `${path} ${message}`)).toEqual([
    '/applications/0/servers/names/1 is given at /applications/0/servers/names/0 already',
    '/applications/1/servers/names/0 is a selector of /applications/0/servers/names/0 too, which comes first: this one never decides',
    '/applications/0/servers/names/2 matches nothing of the inventory',
    '/applications/0/servers/tags/1 matches nothing of the inventory',
    '/applications/0/servers/folders/1 matches nothing of the inventory',
    '/applications/1/servers/segments/0 matches nothing of the inventory',
  ]);
});

test('contradictions are faults', () => {
  const faultsOf = (...applications: object[]) => {
    try {
      documentOf(...applications);
      return [];
    } catch (error) {
      return (error as DocumentError).faults.map(({ path }) => path);
    }
  };
  const vip = (id: string, text: string) => ({ id, servers: { vips: [text] } });
  expect(faultsOf(vip('a', '10.0.0.1 tcp/443'), vip('b', '10.0.0.1 tcp/400-500'))).toEqual([
    '/applications/1/servers/vips/0',
  ]);
  expect(faultsOf(vip('a', '10.0.0.1 tcp/443'), vip('b', '10.0.0.1 udp/443'))).toEqual([]);
  expect(faultsOf({ id: 'a', servers: { names: ['x'] }, ports: ['udp/60-70'], clientPorts: ['udp/68'] })).toEqual([
    '/applications/0/clientPorts/0',
  ]);
});
