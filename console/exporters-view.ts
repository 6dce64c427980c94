// The second view: every exporter seen in the last day, the silent ones first.

import type { Exporter, ExportersAnswer } from '../query-api/questions/exporters.ts';
import { el } from './dom.ts';
import { formatAge, formatCount, formatShare, formatSkew, formatValue } from './units.ts';

interface ColumnOfView {
  readonly title: string;
  readonly about: string;
  readonly number?: boolean;
  cell(exporter: Exporter): string | Node;
}

const COLUMNS: readonly ColumnOfView[] = [
  {
    title: 'Exporter',
    about: 'Source address; for sFlow the agent address',
    cell: ({ exporter }) => el('span', { class: 'mono' }, exporter),
  },
  {
    title: 'Protocol',
    about: 'Export protocol and observation domain',
    cell: ({ protocol, observationDomain }) => `${protocol}${observationDomain > 0 ? ` · ${observationDomain}` : ''}`,
  },
  {
    title: 'State',
    about: 'Silent: no datagram for three minutes',
    cell: ({ silent, lastSeen }) =>
      el(
        'span',
        { class: `state ${silent ? 'silent' : 'live'}` },
        silent ? `silent, ${formatAge(Date.now() - Date.parse(lastSeen))}` : 'live',
      ),
  },
  {
    title: 'Records/s',
    about: 'Over the last five minutes',
    number: true,
    cell: ({ recordsPerSecond }) => formatCount(recordsPerSecond),
  },
  {
    title: 'Sampling',
    about: 'One packet in N',
    number: true,
    cell: ({ samplingRate }) =>
      samplingRate === null ? 'unknown' : samplingRate === 1 ? 'none' : `1 in ${formatCount(samplingRate)}`,
  },
  {
    title: 'Clock',
    about: 'How far its clock is ahead of that of the collector, or behind it; flow times are corrected from 2 s on',
    number: true,
    cell: ({ clock, clockSkewMs }) =>
      el(
        'span',
        { class: clock === 'unsteady' ? 'bad' : '', title: clock },
        clockSkewMs === null ? 'unknown' : formatSkew(clockSkewMs),
      ),
  },
  {
    title: 'Loss',
    about: 'Lost before the collector, by sequence numbers',
    number: true,
    cell: ({ lossRatio, lost, lostUnit }) =>
      el('span', { class: lost > 0 ? 'bad' : '', title: `${formatCount(lost)} ${lostUnit}` }, formatShare(lossRatio)),
  },
  {
    title: 'Faults',
    about: 'Sets, samples or datagrams that could not be decoded',
    number: true,
    cell: ({ malformedSets }) => el('span', { class: malformedSets > 0 ? 'bad' : '' }, formatCount(malformedSets)),
  },
  {
    title: 'No template',
    about: 'Data sets that wait for their template, or were discarded without it',
    number: true,
    cell: ({ waitingSets, lostSets, unknownTemplateSets }) =>
      el(
        'span',
        {
          class: lostSets > 0 ? 'bad' : '',
          title: `${formatCount(unknownTemplateSets)} came before their template, ${formatCount(lostSets)} discarded`,
        },
        formatCount(waitingSets + lostSets),
      ),
  },
  {
    title: 'Facts',
    about: 'Names of ports, stations and hosts reported within the last day',
    number: true,
    cell: ({ facts }) => formatCount(facts),
  },
  { title: 'Datagrams', about: 'In the last day', number: true, cell: ({ datagrams }) => formatCount(datagrams) },
  {
    title: 'Volume',
    about: 'Bytes of their payloads',
    number: true,
    cell: ({ datagramBytes }) => formatValue(datagramBytes, 'bytes'),
  },
];

/** Empty where the collectors are other processes. */
function listening({ receiving: { udpPorts } }: ExportersAnswer): string {
  return udpPorts.length > 0 ? ` · listening on UDP ${udpPorts.join(', ')}` : '';
}

export function drawExporters(root: HTMLElement, answer: ExportersAnswer): void {
  const rows = [...answer.exporters].sort((a, b) => Number(b.silent) - Number(a.silent) || b.records - a.records);
  const head = el(
    'div',
    { class: 'card-head' },
    el('h2', {}, 'Who reports'),
    el('p', { class: 'note' }, `${answer.live} live, ${answer.silent} silent in the last day${listening(answer)}`),
  );
  const table = el(
    'table',
    { class: 'list' },
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        ...COLUMNS.map(column =>
          el('th', { scope: 'col', class: column.number ? 'number' : '', title: column.about }, column.title),
        ),
      ),
    ),
    el(
      'tbody',
      {},
      ...rows.map(exporter =>
        el(
          'tr',
          {},
          ...COLUMNS.map(column => el('td', { class: column.number ? 'number' : '' }, column.cell(exporter))),
        ),
      ),
    ),
  );
  root.replaceChildren(
    head,
    rows.length > 0
      ? el('div', { class: 'scroll' }, table)
      : el('p', { class: 'none' }, 'No exporter has sent data yet.'),
  );
}
