// What `hairpin decode` says at its end: each exporter with its templates, rate and loss, and every fault.

import { formatAddress, wordsOfRow } from '../../schemas/address.ts';
import { PROTOCOLS, RATE_SOURCES } from '../../schemas/codes.ts';
import type { Decoder } from '../decode/decoder.ts';
import type { Domain } from '../decode/domain.ts';
import { FAULTS, faultSlot } from '../decode/faults.ts';

/** Exporters told one by one; the rest is summed up. */
const EXPORTERS_MAX = 50;

const COLUMNS: readonly (readonly [head: string, cell: (domain: Domain) => string])[] = [
  ['exporter', domain => formatAddress(wordsOfRow(domain.exporter, 0))],
  ['protocol', domain => PROTOCOLS[domain.protocol] ?? String(domain.protocol)],
  ['domain', domain => String(domain.id)],
  ['datagrams', domain => String(domain.datagrams)],
  ['records', domain => String(domain.records)],
  ['templates', domain => String(domain.templates.size)],
  ['sampling', rateText],
  ['lost', domain => String(domain.lost)],
];

function rateText(domain: Domain): string {
  const rates = [...new Set([...domain.selectorRates.values()])].sort((a, b) => a - b);
  if (domain.samplingRate > 0) return `1:${domain.samplingRate} (${RATE_SOURCES[domain.rateSource]})`;
  if (rates.length > 0) return `1:${rates.slice(0, 3).join(', 1:')}${rates.length > 3 ? ', ...' : ''} (selector)`;
  return domain.unknownRateRecords > 0 || domain.records === 0 ? 'unknown' : 'told by each record';
}

export function summary(decoder: Decoder): string {
  const domains = [...decoder.exporters.domains()].filter(domain => domain.datagrams > 0);
  const told = domains.slice(0, EXPORTERS_MAX);
  const more = domains.length - told.length;
  return [table(told), more > 0 ? `and ${more} more\n` : '', total(domains), faults(decoder)].join('');
}

function table(domains: readonly Domain[]): string {
  if (domains.length === 0) return '';
  const lines = [COLUMNS.map(([head]) => head), ...domains.map(domain => COLUMNS.map(([, cell]) => cell(domain)))];
  const widths = COLUMNS.map((_, i) => Math.max(...lines.map(line => line[i]!.length)));
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
  return `${domains.length} exporters, ${sum(d => d.records)} records, ${templates} templates, ${sum(d => d.lost)} lost by sequence, ${sum(d => d.unknownRateRecords)} records of unknown sampling rate\n`;
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
