import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Column } from '../../schemas/columns.ts';
import { DocumentError } from '../../schemas/documents.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { Bench, type FieldSpec, hex, ipfix, set, template, u16, u32 } from '../../testing/data/datagrams.ts';
import {
  ELEMENT_RULES,
  elementKey,
  elementOf,
  MAPPABLE_COLUMNS,
  OPPOSITE_ELEMENTS,
  rulesWith,
  VLAN_ELEMENTS,
} from '../decode/templated/elements.ts';
import { ELEMENT_TYPES } from '../decode/templated/inspect.ts';
import { builtInElements, loadElements } from './element-registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-elements-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Elements that code of their own reads: sections of packets, options, counters of firewalls, the layer of a VLAN tag. */
const READ_BY_HAND: ReadonlySet<number> = new Set([
  315, 313, 104, 316, 317, 312, 103, 311, 309, 310, 232, 299, 233, 245, 255,
]);

const ENTERPRISES = { VMware: 6876, Cisco: 9 } as const;

/** `VMware 881 or 883, 8`: 6876/881, 6876/883, 0/8. */
function elementsIn(source: string): { readonly pen: number; readonly id: number }[] {
  const found = source.replaceAll(/RFC \d+/g, '').matchAll(/\b(?:(VMware|Cisco) )?(\d+(?: (?:or|and) \d+)*)\b/g);
  return [...found].flatMap(([, enterprise, ids = '']) =>
    ids.split(/ or | and /).map(id => ({
      pen: enterprise === undefined ? 0 : ENTERPRISES[enterprise as keyof typeof ENTERPRISES],
      id: Number(id),
    })),
  );
}

function faultsOf(name: string, text: string) {
  try {
    loadElements(write(name, text));
  } catch (error) {
    if (error instanceof DocumentError)
      return error.faults.map(({ line, path, message }) => `${line} ${path} ${message}`);
    throw error;
  }
  throw new Error('taken');
}

describe('the elements that come with Hairpin', () => {
  const registry = builtInElements();
  const elements = [...registry];

  // proves: enterprise-elements
  test('have a known type and a name that stands once per enterprise', () => {
    expect(elements.length).toBeGreaterThan(950);
    expect(elements.filter(({ type }) => !ELEMENT_TYPES.includes(type))).toEqual([]);
    expect(elements.filter(({ name }) => !/^[A-Za-z][A-Za-z0-9_.-]*$/.test(name))).toEqual([]);
    expect(elements.filter(({ id }) => !(id >= 0 && id <= 65535))).toEqual([]);
  });

  test('include every one that fills a column', () => {
    const keys = [
      ...ELEMENT_RULES.flatMap(rule => [...rule.elements, ...(rule.second ? [rule.second.element] : [])]),
      ...[...OPPOSITE_ELEMENTS].flat(),
      ...Object.values(VLAN_ELEMENTS).flatMap(ids => Object.values(ids)),
    ];
    const missing = keys.map(elementOf).filter(({ pen, id }) => !registry.find(pen, id));
    expect(missing).toEqual([]);
  });

  test('are those that the columns name as their source, and decoding fills columns from no others', () => {
    const columns: readonly Column[] = DECODED_COLUMNS;
    for (const { name, source } of columns) {
      const named = elementsIn(source);
      const unknown = named.filter(({ pen, id }) => !registry.find(pen, id));
      expect(unknown, `${name}: the source names elements that no registry has`).toEqual([]);
      const keys = new Set(named.map(({ pen, id }) => elementKey(pen, id)));
      const filling = new Set(
        ELEMENT_RULES.filter(({ column }) => column === name).flatMap(({ elements }) => elements),
      );
      for (const tags of Object.values(VLAN_ELEMENTS))
        if (name === 'vlan') for (const id of Object.values(tags)) filling.add(id);
        else if (name === 'sVlan') filling.add(tags.outer);
      expect(
        [...filling].filter(key => !keys.has(key)),
        `${name}: fills from elements that its source leaves out`,
      ).toEqual([]);
      const seconds = ELEMENT_RULES.filter(({ column }) => column === name).map(({ second }) => second?.element ?? -1);
      const idle = [...keys].filter(key => !filling.has(key) && !seconds.includes(key) && !READ_BY_HAND.has(key));
      expect(idle, `${name}: the source names elements that fill nothing`).toEqual([]);
    }
  });

  test.each([
    [0, 1, 'octetDeltaCount', 'unsigned64'],
    [0, 351, 'layer2SegmentId', 'unsigned64'],
    [0, 33002, 'firewallExtendedEvent', 'unsigned16'],
    [0, 40000, 'aaaUsername', 'string'],
    [0, 56701, 'paloAltoAppId', 'string'],
    [9, 12236, 'clientIPv4Address', 'ipv4Address'],
    [637, 93, 'aluNatSubString', 'string'],
    [6871, 14, 'initialTCPFlags', 'unsigned16'],
    [6876, 880, 'tenantProtocol', 'unsigned8'],
    [6876, 892, 'tunnelKey', 'octetArray'],
    [6876, 951, 'vmUuid', 'octetArray'],
    [29305, 1, 'reverseOctetDeltaCount', 'unsigned64'],
  ])('name %i/%i %s', (pen, id, name, type) => {
    expect(registry.find(pen, id)).toMatchObject({ name, type });
  });

  test('stand once: a number has one line in all files', () => {
    const files = readdirSync(new URL('./', import.meta.url)).filter(
      name => name.endsWith('.tsv') && name !== 'enterprises.tsv',
    );
    const lines = files.flatMap(name => readFileSync(new URL(`./${name}`, import.meta.url), 'utf8').split('\n'));
    expect(lines.filter(line => /^\d/.test(line)).length).toBe(elements.length);
    expect(registry.enterprise(25506)).toBe('H3C');
    expect(registry.find(25506, 1)).toBeUndefined();
  });
});

describe('a file of the installation', () => {
  test('names elements and maps them to columns, as a table', () => {
    const file = write(
      'own.tsv',
      '# ours\npen\tid\tname\ttype\tunits\tcolumn\n12356\t77\tfortiBytes\tunsigned64\toctets\tbytes\n0\t103\t\t\t\tl2Bytes\n',
    );
    const { registry, mapped } = loadElements(file);
    expect(registry.find(12356, 77)).toEqual({
      pen: 12356,
      id: 77,
      name: 'fortiBytes',
      type: 'unsigned64',
      units: 'octets',
    });
    expect(mapped).toEqual([
      { pen: 12356, id: 77, type: 'unsigned64', column: 'bytes' },
      { pen: 0, id: 103, type: 'unsigned16', column: 'l2Bytes' },
    ]);
  });

  test('or as a YAML document', () => {
    const file = write(
      'own.yaml',
      'elements:\n  - { pen: 25506, id: 5, name: h3cVm, type: octetArray, column: stationId }\n',
    );
    expect(loadElements(file).mapped).toEqual([{ pen: 25506, id: 5, type: 'octetArray', column: 'stationId' }]);
  });

  test('that is empty or not there adds nothing', () => {
    expect(loadElements('').mapped).toEqual([]);
    expect(loadElements(write('empty.tsv', 'pen\tid\tname\ttype\n')).mapped).toEqual([]);
  });

  test('is refused whole, each fault with its line', () => {
    const table = [
      'pen\tid\tname\ttype\tunits\tcolumn',
      '12356\t77\tgood\tunsigned64',
      '12356\t77\tgood\tunsigned64',
      '12356\t0\tzero\tunsigned64',
      'x\t78\tpen\tunsigned64',
      '12356\t79\tbad name\tunsigned64',
      '12356\t80\ttype\tuint',
      '12356\t81\tcolumn\tunsigned64\t\toctets',
      '',
      '12356\t82\ttime\tunsigned64\t\tflowStart',
    ].join('\n');
    expect(faultsOf('bad.tsv', table)).toEqual([
      expect.stringMatching(/^4 \/id must be >= 1/),
      expect.stringMatching(/^5 \/pen must be integer/),
      expect.stringMatching(/^6 \/name must be a letter, then/),
      expect.stringMatching(/^7 \/type must be one of unsigned8, /),
      expect.stringMatching(/^8 \/column must be one of bytes, /),
      '3  element 12356/77 stands here twice',
      '10 /column flowStart needs an element of a dateTime type',
    ]);
    expect(
      faultsOf(
        'rules.tsv',
        'pen\tid\tname\ttype\tunits\tcolumn\n12356\t82\ttime\tunsigned64\t\tflowStart\n0\t1\tmine\n12356\t83\n29305\t9999\tback\tunsigned8\n12356\t82\ttime\tunsigned64',
      ),
    ).toEqual([
      '2  /column flowStart needs an element of a dateTime type'.replace('  ', ' '),
      '3 /name must be octetDeltaCount or left out: the element is known',
      '4 /name is required',
      '4 /type is required',
      '5 /pen 29305 is the reverse of IANA elements: name that one',
      '6  element 12356/82 stands here twice',
    ]);
    expect(faultsOf('bad.yaml', 'elements:\n  - pen: 1\n    id: 70000\n')).toEqual([
      expect.stringMatching(/^3 \/elements\/0\/id must be <= 65535/),
    ]);
  });
});

describe('mapped elements', () => {
  // proves: enterprise-elements
  test('fill their column where no built-in element does', () => {
    const bench = new Bench();
    bench.decoder.context.templated.elementRules = rulesWith([
      { pen: 12356, id: 77, type: 'unsigned64', column: 'bytes' },
      { pen: 12356, id: 78, type: 'ipv4Address', column: 'srcAddr' },
      { pen: 12356, id: 79, type: 'dateTimeSeconds', column: 'flowEnd' },
      { pen: 12356, id: 80, type: 'octetArray', column: 'stationId' },
    ]);
    const own: FieldSpec[] = [
      [77, 3, 12356],
      [78, 4, 12356],
      [79, 4, 12356],
      [80, 65535, 12356],
    ];
    const uuid = hex('00112233445566778899aabbccddeeff');
    const rows = bench.decode(
      ipfix([
        set(
          2,
          template(300, own),
          template(301, [
            [77, 4, 12356],
            [1, 4],
          ]),
        ),
        set(300, [0, 1, 0, 10, 0, 0, 9, ...u32(1577836700), 16, ...uuid]),
        set(301, [...u32(5), ...u32(6)]),
      ]),
    );
    expect(rows).toMatchObject([
      {
        bytes: 256,
        srcAddr: '10.0.0.9',
        flowEnd: 1577836700000,
        stationId: '00112233445566778899aabbccddeeff',
        etherType: 0x0800,
      },
      { bytes: 6 },
    ]);
  });

  test('can fill every column that says so', () => {
    for (const column of MAPPABLE_COLUMNS) {
      const bench = new Bench();
      bench.decoder.context.templated.elementRules = rulesWith([
        { pen: 9, id: 1, type: 'dateTimeMilliseconds', column },
      ]);
      const sizes = [1, 2, 4, 6, 8, 16];
      const filled = sizes.some(size => {
        const rows = bench.decode(
          ipfix([
            set(2, template(300, [[1, size, 9]])),
            set(300, [...new Array<number>(size).fill(1), ...(size < 4 ? u16(0) : [])]),
          ]),
        );
        return rows.some(row => row[column] !== 0 && row[column] !== '::' && !/^[0:]+$/.test(String(row[column])));
      });
      expect([column, filled]).toEqual([column, true]);
    }
  });
});
