// The names and types of information elements: the files of elements/ and a file of the installation, which may name
// more elements and say which column one fills. That file is a table with tabs (pen, id, name, type, units, column;
// `#` begins a comment) or a JSON or YAML document with a list `elements` of the same keys. It is taken whole or refused
// whole, every fault with its line.

import { readdirSync, readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { DocumentError, documentChecker, type Fault } from '../../schemas/documents.ts';
import type { FlowColumnName } from '../../schemas/flow.ts';
import type { IsPlaceholder } from '../../schemas/repair.ts';
import { elementKey, MAPPABLE_COLUMNS, type MappedElement, REVERSE_PEN } from '../decode/templated/elements.ts';
import { ELEMENT_TYPES, type Element, type ElementNames, type ElementType } from '../decode/templated/inspect.ts';

const FOLDER = new URL('./', import.meta.url);
const ENTERPRISES = 'enterprises.tsv';

/** Elements a file of the installation may have. */
const ELEMENTS_MAX = 100_000;

const userElement = Type.Object(
  {
    pen: Type.Integer({ minimum: 0, maximum: 0xffffffff }),
    id: Type.Integer({ minimum: 1, maximum: 65535 }),
    name: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,127}$',
        expected: 'a letter, then up to 127 letters, digits, dots, underscores and hyphens',
      }),
    ),
    type: Type.Optional(Type.Enum([...ELEMENT_TYPES])),
    units: Type.Optional(Type.String({ maxLength: 64 })),
    column: Type.Optional(Type.Enum([...MAPPABLE_COLUMNS])),
  },
  { additionalProperties: false },
);
const userDocument = documentChecker(
  Type.Object({ elements: Type.Array(userElement, { maxItems: ELEMENTS_MAX }) }, { additionalProperties: false }),
  ({ elements }, isPlaceholder) => userFaults(elements, isPlaceholder),
);

type UserElement = {
  readonly pen: number;
  readonly id: number;
  readonly name?: string | undefined;
  readonly type?: string | undefined;
  readonly units?: string | undefined;
  readonly column?: string | undefined;
};

export class ElementRegistry implements ElementNames {
  readonly #elements = new Map<number, Element>();
  readonly #enterprises = new Map<number, string>();

  add(element: Element): void {
    this.#elements.set(elementKey(element.pen, element.id), element);
  }

  nameEnterprise(pen: number, name: string): void {
    this.#enterprises.set(pen, name);
  }

  find(pen: number, id: number): Element | undefined {
    const element = this.#elements.get(elementKey(pen, id));
    if (element || pen !== REVERSE_PEN) return element;
    // RFC 5103 6.1: the reverse of an IANA element has its type and the prefix `reverse`.
    const forward = this.#elements.get(elementKey(0, id));
    return forward && { ...forward, pen, name: `reverse${forward.name[0]!.toUpperCase()}${forward.name.slice(1)}` };
  }

  enterprise(pen: number): string | undefined {
    return this.#enterprises.get(pen);
  }

  [Symbol.iterator](): Iterator<Element> {
    return this.#elements.values();
  }
}

/** The elements that come with Hairpin. */
export function builtInElements(): ElementRegistry {
  const registry = new ElementRegistry();
  for (const file of readdirSync(FOLDER).filter(name => name.endsWith('.tsv'))) {
    for (const { cells } of tableRows(readFileSync(new URL(file, FOLDER), 'utf8'))) {
      if (file === ENTERPRISES) registry.nameEnterprise(Number(cells['pen']), cells['name']!);
      else registry.add(elementOf(cells));
    }
  }
  return registry;
}

export interface LoadedElements {
  readonly registry: ElementRegistry;
  /** Elements that the installation maps to columns, in the order of its file. */
  readonly mapped: readonly MappedElement[];
}

/** The built-in elements and those of the file, which may be absent (''); throws a DocumentError with every fault. */
export function loadElements(file: string): LoadedElements {
  const registry = builtInElements();
  if (file === '') return { registry, mapped: [] };
  const text = readText(file);
  const elements: readonly UserElement[] = file.endsWith('.tsv')
    ? parseTable(file, text)
    : userDocument.parse(file, text).elements;
  const mapped: MappedElement[] = [];
  for (const { pen, id, name, type, units = '', column } of elements) {
    const known = registry.find(pen, id);
    const element = known ?? { pen, id, name: name!, type: type as ElementType, units };
    if (!known) registry.add(element);
    if (column !== undefined) mapped.push({ pen, id, type: element.type, column: column as FlowColumnName });
  }
  return { registry, mapped };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new DocumentError('elements', [{ path: file, message: `cannot be read: ${(error as Error).message}` }]);
  }
}

let builtIn: ElementRegistry | undefined;

/** What the schema cannot say: an element is listed once, is named unless it is known, and fits its column. */
function userFaults(elements: readonly UserElement[], isPlaceholder: IsPlaceholder): Fault[] {
  builtIn ??= builtInElements();
  const seen = new Set<number>();
  const faults: Fault[] = [];
  for (const [i, { pen, id, name, type, column }] of elements.entries()) {
    const path = `/elements/${i}`;
    // Nobody knows which element it is.
    if (isPlaceholder(`${path}/pen`) || isPlaceholder(`${path}/id`)) continue;
    const known = builtIn.find(pen, id);
    const key = elementKey(pen, id);
    if (seen.has(key)) faults.push({ path, message: `element ${pen}/${id} stands here twice` });
    seen.add(key);
    if (known && (name ?? known.name) !== known.name)
      faults.push({ path: `${path}/name`, message: `must be ${known.name} or left out: the element is known` });
    if (known && (type ?? known.type) !== known.type)
      faults.push({ path: `${path}/type`, message: `must be ${known.type} or left out: the element is known` });
    if (!known && pen === REVERSE_PEN)
      faults.push({ path: `${path}/pen`, message: `${REVERSE_PEN} is the reverse of IANA elements: name that one` });
    else if (!known && name === undefined) faults.push({ path: `${path}/name`, message: 'is required' });
    if (!known && type === undefined) faults.push({ path: `${path}/type`, message: 'is required' });
    const time = column === 'flowStart' || column === 'flowEnd';
    const actual = known?.type ?? type ?? '';
    if (time && !actual.startsWith('dateTime'))
      faults.push({ path: `${path}/column`, message: `${column} needs an element of a dateTime type` });
  }
  return faults;
}

interface TableRow {
  readonly line: number;
  readonly cells: Readonly<Record<string, string>>;
}

/** The rows of a table with a line of names; empty cells are left out. */
function tableRows(text: string): TableRow[] {
  const rows: TableRow[] = [];
  let names: string[] | undefined;
  for (const [i, content] of text.split(/\r?\n/).entries()) {
    if (content.trim() === '' || content.startsWith('#')) continue;
    const values = content.split('\t');
    if (!names) names = values;
    else {
      const cells = values.map((value, column) => [names![column] ?? `column ${column + 1}`, value] as const);
      rows.push({ line: i + 1, cells: Object.fromEntries(cells.filter(([, value]) => value !== '')) });
    }
  }
  return rows;
}

function elementOf(cells: Readonly<Record<string, string>>): Element {
  const { pen, id, name, type, units = '' } = cells;
  return { pen: Number(pen), id: Number(id), name: name!, type: type as ElementType, units };
}

function parseTable(file: string, text: string): readonly UserElement[] {
  const rows = tableRows(text);
  const elements = rows.map(({ cells }) => ({
    ...cells,
    ...(cells['pen'] !== undefined && { pen: numberOf(cells['pen']) }),
    ...(cells['id'] !== undefined && { id: numberOf(cells['id']) }),
  }));
  try {
    return userDocument.check(file, { elements }).elements;
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    const faults = error.faults.map(fault => {
      const row = rows[Number(fault.path.split('/')[2])];
      return row ? { ...fault, path: fault.path.replace(/^\/elements\/\d+/, ''), line: row.line } : fault;
    });
    throw new DocumentError(file, faults);
  }
}

/** The number a cell says, else its text, which the schema refuses. */
function numberOf(text: string): number | string {
  return /^\d{1,10}$/.test(text) ? Number(text) : text;
}
