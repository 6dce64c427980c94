// What `hairpin decode` says at its end: each exporter with its templates, rate and loss, every fault, and where it is asked
// for the fields of each template.

import { formatAddress, wordsOfRow } from '../../../schemas/address.ts';
import { PROTOCOLS, RATE_SOURCES } from '../../../schemas/codes.ts';
import type { Decoder } from '../../decode/decoder.ts';
import type { Domain } from '../../decode/exporters/domain.ts';
import { Session } from '../../decode/exporters/session.ts';
import { FAULTS, faultSlot } from '../../decode/faults.ts';
import { VARIABLE_LENGTH } from '../../decode/templated/field.ts';
import { type ElementNames, elementName } from '../../decode/templated/inspect.ts';
import type { Template } from '../../decode/templated/template.ts';
import { scopeName } from './scope.ts';

/** Exporters listed one by one; the rest is summed up. */
const EXPORTERS_MAX = 50;
/** Templates listed one by one, and fields of each. */
const TEMPLATES_MAX = 200;
const FIELDS_MAX = 100;

interface Column {
  readonly head: string;
  readonly cell: (domain: Domain) => string;
  /** Left out where no exporter has any. */
  readonly rare?: true;
}

const counted = (head: string, count: (domain: Domain) => number): Column => ({
  head,
  cell: domain => String(count(domain)),
});
const rare = (head: string, count: (domain: Domain) => number): Column => ({
  head,
  cell: domain => (count(domain) === 0 ? '' : String(count(domain))),
  rare: true,
});

const COLUMNS: readonly Column[] = [
  { head: 'exporter', cell: addressText },
  { head: 'protocol', cell: domain => PROTOCOLS[domain.protocol] ?? String(domain.protocol) },
  counted('domain', domain => domain.id),
  counted('datagrams', domain => domain.datagrams),
  counted('records', domain => domain.records),
  counted('templates', domain => domain.templates.size),
  // New ones and those that were announced again with other fields.
  rare('learned', domain => (domain.templatesLearned > domain.templates.size ? domain.templatesLearned : 0)),
  { head: 'sampling', cell: rateText },
  counted('lost', domain => domain.lost),
  rare('restarts', domain => domain.restarts),
  rare('clashes', domain => domain.clashes),
  rare('waiting', domain => domain.pendingSets),
  rare('given up', domain => domain.lostSets),
  rare('broken', domain => domain.malformedSets),
];

function addressText(domain: Domain): string {
  return formatAddress(wordsOfRow(domain.exporter, 0));
}

function portOf({ holder }: Domain): number | undefined {
  return holder instanceof Session ? holder.port : undefined;
}

/** With its UDP port where other sessions of the address have others. */
function exporterColumn(domains: readonly Domain[]): Column {
  const ports = new Map<string, Set<number | undefined>>();
  for (const domain of domains) {
    const address = addressText(domain);
    ports.set(address, (ports.get(address) ?? new Set()).add(portOf(domain)));
  }
  const cell = (domain: Domain) => {
    const address = addressText(domain);
    const port = portOf(domain);
    if (port === undefined || ports.get(address)!.size < 2) return address;
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  };
  return { head: 'exporter', cell };
}

function rateText(domain: Domain): string {
  const rates = [...new Set([...domain.selectorRates.values()])].sort((a, b) => a - b);
  if (domain.samplingRate > 0) return `1:${domain.samplingRate} (${RATE_SOURCES[domain.rateSource]})`;
  if (rates.length > 0) return `1:${rates.slice(0, 3).join(', 1:')}${rates.length > 3 ? ', ...' : ''} (selector)`;
  if (domain.unknownRateRecords > 0 || domain.records === 0) return 'unknown';
  return [...domain.templates.values()].some(template => template.prescaled) ? 'prescaled' : 'reported by each record';
}

/** `domains`: all that the decoder knows. */
export function summary(decoder: Decoder, domains: readonly Domain[]): string {
  const active = domains.filter(domain => domain.datagrams > 0);
  const more = active.length - EXPORTERS_MAX;
  const reported = table(active.slice(0, EXPORTERS_MAX), exporterColumn(active));
  return [reported, more > 0 ? `and ${more} more\n` : '', total(active), faults(decoder)].join('');
}

function table(domains: readonly Domain[], exporter: Column): string {
  if (domains.length === 0) return '';
  const columns = [exporter, ...COLUMNS.slice(1)].filter(
    column => !column.rare || domains.some(domain => column.cell(domain) !== ''),
  );
  const lines = [columns.map(({ head }) => head), ...domains.map(domain => columns.map(({ cell }) => cell(domain)))];
  const widths = columns.map((_, i) => Math.max(...lines.map(line => line[i]!.length)));
  return lines
    .map(
      line =>
        `${line
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function total(domains: readonly Domain[]): string {
  const sum = (pick: (domain: Domain) => number) => domains.reduce((all, domain) => all + pick(domain), 0);
  const templates = sum(domain => domain.templates.size);
  const discarded = sum(domain => domain.discardedSamples);
  return `${domains.length} exporters, ${sum(d => d.records)} records, ${templates} templates, ${sum(d => d.lost)} lost by sequence, ${sum(d => d.unknownRateRecords)} records of unknown sampling rate${discarded > 0 ? `, ${discarded} packets reported as discarded` : ''}\n`;
}

function faults(decoder: Decoder): string {
  const lines = PROTOCOLS.flatMap((protocol, code) =>
    FAULTS.flatMap((reason, fault) => {
      const count = decoder.context.faults[faultSlot(code, fault)]!;
      return count > 0 ? [`  ${protocol} ${reason}: ${count}\n`] : [];
    }),
  );
  return lines.length > 0 ? `faults:\n${lines.join('')}` : 'no faults\n';
}

/** Each template with its scope and fields, and their lengths; `v` is a variable one. */
export function templateList(domains: readonly Domain[], names: ElementNames): string {
  const templates = domains.flatMap(domain => [...domain.templates.values()].map(template => ({ domain, template })));
  if (templates.length === 0) return '';
  const exporter = exporterColumn(domains).cell;
  const lines = templates.slice(0, TEMPLATES_MAX).map(({ domain, template }) => {
    const { scopeCount, fields, id } = template;
    const texts = fieldTexts(domain, template, names);
    const more = fields.length > FIELDS_MAX ? `, and ${fields.length - FIELDS_MAX} more` : '';
    const scope = scopeCount < 0 ? '' : ` options of ${texts.slice(0, scopeCount).join(', ') || 'nothing'}:`;
    const rest = texts.slice(Math.max(0, scopeCount)).join(', ');
    return `  ${exporter(domain)} ${PROTOCOLS[domain.protocol]} domain ${domain.id} template ${id}:${scope} ${rest}${more}\n`;
  });
  const more = templates.length - TEMPLATES_MAX;
  return `templates:\n${lines.join('')}${more > 0 ? `  and ${more} more\n` : ''}`;
}

function fieldTexts({ protocol }: Domain, { fields, scopeCount }: Template, names: ElementNames): string[] {
  return fields.slice(0, FIELDS_MAX).map(({ pen, id, length }, i) => {
    const name = (i < scopeCount && scopeName(protocol, pen, id)) || elementName(names, pen, id);
    return `${name}/${length === VARIABLE_LENGTH ? 'v' : length}`;
  });
}
