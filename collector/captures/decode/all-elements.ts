// `hairpin decode --all-elements`: everything the exporters sent instead of the rows that it becomes. The decoder runs all
// the same: it knows the templates, reports which records they lay out (also those that waited for their template), and
// counts. sFlow 2 and 4 are counted only. What does not fit is left out.

import { formatAddress, wordsOfRow } from '../../../schemas/address.ts';
import { PROTOCOLS } from '../../../schemas/codes.ts';
import { DATAGRAM_BYTES_MAX, type Decoder } from '../../decode/decoder.ts';
import type { Domain } from '../../decode/exporters/domain.ts';
import { Session } from '../../decode/exporters/session.ts';
import {
  type ElementNames,
  type InspectedField,
  type InspectedValue,
  inspectRecords,
} from '../../decode/templated/inspect.ts';
import type { Template } from '../../decode/templated/template.ts';
import type { CapturedDatagram } from '../capture.ts';
import { type ElementFormat, ENTRY_TEXTS, type Entry, MemberList, type Members, type Shown } from './element-text.ts';
import { fixedEntries, templateHeaders } from './netflow-entries.ts';
import { scopeName } from './scope.ts';
import { sflowEntries } from './sflow-entries.ts';

/** Text one datagram may become, with the sets that waited for it; what lies beyond is left out and counted. */
export const DATAGRAM_CHARS_MAX = 2 ** 26;

export class ElementPrinter {
  readonly #decoder: Decoder;
  readonly #names: ElementNames;
  readonly #text: (entry: Entry) => string;
  readonly #charsMax: number;
  #texts: string[] = [];
  #chars = 0;
  /** Records, samples, headers and whole sets left out for want of room. */
  #leftOut = 0;
  /** Datagrams of sFlow 2 and 4. */
  #older = 0;

  constructor(decoder: Decoder, names: ElementNames, format: ElementFormat, charsMax = DATAGRAM_CHARS_MAX) {
    this.#decoder = decoder;
    this.#names = names;
    this.#text = ENTRY_TEXTS[format];
    this.#charsMax = charsMax;
    decoder.context.templated.inspect = (domain, template, start, end) => this.#reportSet(domain, template, start, end);
  }

  /** Decodes a datagram; returns the number of flow records, and the text. */
  decode({ payload, source, sourcePort, timeMs }: CapturedDatagram): { records: number; text: string } {
    this.#texts = [];
    this.#chars = 0;
    const bytes = payload.subarray(0, DATAGRAM_BYTES_MAX);
    const from = { exporter: source, port: sourcePort, receivedAtMs: timeMs };
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length >= 4) for (const entry of this.#entriesOf(view, from)) this.#report(entry);
    const records = this.#decoder.decode(payload, source, sourcePort, timeMs);
    return { records, text: this.#texts.join('') };
  }

  /** What was not printed, for the end. */
  notes(): string {
    return [
      this.#older > 0 ? `${this.#older} datagrams of sFlow 2 and 4 have rows only: leave --all-elements out\n` : '',
      this.#leftOut > 0 ? `${this.#leftOut} records or sets left out: their datagrams say too much\n` : '',
    ].join('');
  }

  /** What can be printed without templates. */
  #entriesOf(view: DataView, from: Pick<Entry, 'exporter' | 'port' | 'receivedAtMs'>): Iterable<Entry> {
    const version = view.getUint16(0);
    if (version === 0) {
      const sflow = view.getUint16(2);
      if (sflow === 5) return sflowEntries(view, from);
      if (sflow === 2 || sflow === 4) this.#older++;
      return [];
    }
    return version === 9 || version === 10 ? templateHeaders(view, from) : fixedEntries(view, from);
  }

  #reportSet(domain: Domain, template: Template, start: number, end: number): void {
    if (this.#chars >= this.#charsMax) {
      this.#leftOut++;
      return;
    }
    const { view, receivedAtMs } = this.#decoder.context;
    const shared = {
      exporter: formatAddress(wordsOfRow(domain.exporter, 0)),
      port: domain.holder instanceof Session ? domain.holder.port : 0,
      protocol: PROTOCOLS[domain.protocol]!,
      domain: domain.id,
      receivedAtMs,
      layout: ['template', template.id] as const,
    };
    for (const record of inspectRecords(view, domain, template, start, end, this.#names)) {
      const elements = membersOf(record.filter(field => !field.scope));
      if (template.scopeCount < 0) this.#report({ ...shared, kind: 'data', elements });
      else this.#report({ ...shared, kind: 'options', scope: scopeOf(record, domain.protocol), elements });
    }
  }

  #report(entry: Entry): void {
    if (this.#chars >= this.#charsMax) {
      this.#leftOut++;
      return;
    }
    const text = this.#text(entry);
    this.#texts.push(text);
    this.#chars += text.length;
  }
}

function scopeOf(record: readonly InspectedField[], protocol: number): Members {
  const list = new MemberList();
  for (const { pen, id, name, value, units, scope } of record) {
    if (!scope) continue;
    const special = scopeName(protocol, pen, id);
    list.add(special ?? name, shown(value), special === undefined ? units : '');
  }
  return list.members;
}

function membersOf(fields: readonly InspectedField[]): Members {
  const list = new MemberList();
  for (const { name, value, units } of fields) list.add(name, shown(value), units);
  return list.members;
}

/** The entries of a list are records themselves. */
function shown(value: InspectedValue): Shown {
  return typeof value === 'object' ? value.map(membersOf) : value;
}
