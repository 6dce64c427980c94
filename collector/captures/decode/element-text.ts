// What an exporter sent, record by record, as text: a JSON object a line, or an indented block for people. Integers are
// plain digits however large; what could steer a terminal (control characters, marks that turn the direction of a line)
// is escaped in JSON and replaced in a block.

import { isoTime } from './row-text.ts';

/** Members keep the order of the wire, which an object would not for names that are numbers. */
export type Members = ReadonlyMap<string, Member>;
export type Shown = number | bigint | boolean | string | Members | readonly Shown[];
export interface Member {
  readonly value: Shown;
  /** Empty when it has none or it is not known. */
  readonly units: string;
}

/** One record, sample or datagram header. */
export interface Entry {
  readonly exporter: string;
  /** UDP port of the exporter, 0 unknown. */
  readonly port: number;
  readonly protocol: string;
  readonly domain: number;
  readonly receivedAtMs: number;
  readonly kind: 'header' | 'data' | 'options' | 'sample';
  /** What says how the record is laid out: template, aggregation, structure. */
  readonly layout?: readonly [name: string, value: number | string];
  readonly scope?: Members;
  readonly elements: Members;
}

/** Collects members; a name that comes again makes a list of its values. */
export class MemberList {
  readonly #values = new Map<string, { values: Shown[]; units: string }>();

  add(name: string, value: Shown, units = ''): void {
    const known = this.#values.get(name);
    if (known) known.values.push(value);
    else this.#values.set(name, { values: [value], units });
  }

  get members(): Members {
    return new Map(
      [...this.#values].map(([name, { values, units }]) => [
        name,
        { value: values.length === 1 ? values[0]! : values, units },
      ]),
    );
  }
}

export type ElementFormat = 'jsonl' | 'table';

export const ENTRY_TEXTS: Readonly<Record<ElementFormat, (entry: Entry) => string>> = {
  jsonl: entry => `{${envelope(entry).join(',')}}\n`,
  table: block,
};

function envelope({ exporter, port, protocol, domain, receivedAtMs, kind, layout, scope, elements }: Entry): string[] {
  return [
    `"exporter":${quoted(exporter)}`,
    ...(port === 0 ? [] : [`"port":${port}`]),
    `"protocol":${quoted(protocol)}`,
    `"domain":${domain}`,
    `"receivedAt":"${isoTime(receivedAtMs)}"`,
    `"kind":"${kind}"`,
    ...(layout ? [`"${layout[0]}":${json(layout[1])}`] : []),
    ...(scope ? [`"scope":${json(scope)}`] : []),
    `"elements":${json(elements)}`,
  ];
}

function json(value: Shown): string {
  if (value instanceof Map)
    return `{${[...(value as Members)].map(([name, member]) => `${quoted(name)}:${json(member.value)}`).join(',')}}`;
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  // JSON knows neither NaN nor infinity.
  if (typeof value === 'string' || (typeof value === 'number' && !Number.isFinite(value))) return quoted(String(value));
  return String(value);
}

/** Line and paragraph separators, marks of direction, and the control characters that JSON lets through. */
const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

function quoted(text: string): string {
  return JSON.stringify(text).replace(UNSAFE, unsafe => `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function block({ exporter, port, protocol, domain, receivedAtMs, kind, layout, scope, elements }: Entry): string {
  const source = port === 0 ? exporter : exporter.includes(':') ? `[${exporter}]:${port}` : `${exporter}:${port}`;
  const what = layout ? `${kind}, ${layout[0]} ${plain(layout[1])}` : kind;
  return [
    `${source}  ${protocol}  domain ${domain}  ${isoTime(receivedAtMs)}  ${what}\n`,
    ...(scope ? ['  scope:\n', ...lines(scope, '    ')] : []),
    ...lines(elements, '  '),
  ].join('');
}

function lines(members: Members, indent: string): string[] {
  return [...members].flatMap(([name, { value, units }]) => {
    const parts = Array.isArray(value) ? (value as readonly Shown[]) : [value];
    if (!parts.some(part => typeof part === 'object')) {
      const text = parts.map(part => plain(part as string | number)).join(', ');
      // Times have a form of their own, whatever the unit on the wire.
      const unit = units === '' || parts.some(part => typeof part === 'string') ? '' : ` ${units}`;
      return [`${indent}${name}: ${text}${unit}\n`];
    }
    return [`${indent}${name}:\n`, ...parts.flatMap(part => nested(part, `${indent}  `, Array.isArray(value)))];
  });
}

/** What is printed under a name; the entries of a list begin with a dash. */
function nested(value: Shown, indent: string, entry: boolean): string[] {
  if (Array.isArray(value)) return value.flatMap(part => nested(part as Shown, indent, true));
  if (!(value instanceof Map)) return [`${indent}- ${plain(value as string | number)}\n`];
  if (!entry) return lines(value as Members, indent);
  const [first = `${indent}  \n`, ...more] = lines(value as Members, `${indent}  `);
  return [`${indent}- ${first.slice(indent.length + 2)}`, ...more];
}

/** A value as it is printed in a line of its own. */
function plain(value: Exclude<Shown, object>): string {
  return String(value).replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, '\ufffd');
}
