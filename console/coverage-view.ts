// The third view: blind spots by host with what would make them visible, exporters with trouble, ports that count
// otherwise than their interface.

import type { CoverageAnswer, SpotAnswer } from '../query-api/questions/coverage.ts';
import { el } from './dom.ts';
import { formatAge, formatCount, formatShare, formatTime, formatValue } from './units.ts';

const REASONS: Readonly<Record<SpotAnswer['reason'], string>> = {
  veb: 'switched inside the host, which exports nothing',
  'relay-not-operational': 'VEPA, but the switch does not turn frames back',
  'vswitch-not-metered': 'exporter of the vSwitch not registered or not received',
  'no-access-port': 'the access port of the host is not documented',
  'not-metered': 'no exporter meters the access port',
  'exporter-silent': 'the exporter at the access port is silent',
};

const TROUBLES: readonly (readonly [keyof CoverageAnswer['exporters'], string])[] = [
  ['silent', 'Silent'],
  ['unseen', 'Registered, not received'],
  ['unregistered', 'Received, not registered'],
  ['withoutTemplate', 'Without template'],
  ['withoutRate', 'Without sampling rate'],
  ['lossy', 'Losing over 1 %'],
];

const UNNAMED: Readonly<Record<string, string>> = {
  ambiguous: 'address with two owners',
  'unknown-mac': 'unknown MAC',
  'unknown-address': 'unknown address',
  'stale-inventory': 'stale inventory',
  'no-rule': 'no rule for a known VM',
};

export function drawCoverage(root: HTMLElement, answer: CoverageAnswer): void {
  root.replaceChildren(
    el('div', { class: 'card-head' }, el('h2', {}, 'What cannot be seen'), el('p', { class: 'note' }, lead(answer))),
    el(
      'div',
      { class: 'scroll coverage', tabindex: 0, role: 'region', 'aria-label': 'Coverage' },
      spotsOf(answer),
      el('div', { class: 'beside' }, troublesOf(answer), unnamedOf(answer), portsOf(answer)),
    ),
  );
}

function lead({ coverage, pairs, invisiblePairs, vms, inventoryAsOf }: CoverageAnswer): string {
  if (coverage === null || pairs === null || inventoryAsOf === null)
    return 'No inventory with running VMs: which pairs are invisible is not known';
  const share = `${formatShare(coverage)} of ${formatCount(pairs)} pairs of ${formatCount(vms ?? 0)} running VMs are seen`;
  return `${share}, ${formatCount(invisiblePairs ?? 0)} are not · inventory of ${formatTime(inventoryAsOf)}`;
}

function spotsOf({ spots, spotCount, coverage }: CoverageAnswer): HTMLElement {
  const left = spotCount - spots.length;
  return el(
    'section',
    { 'aria-label': 'Blind spots' },
    spots.length === 0 &&
      el(
        'p',
        { class: 'none' },
        coverage === null ? 'Give an inventory with --inventory FILE.' : 'Every pair of running VMs is seen.',
      ),
    ...spots.map(spot =>
      el(
        'details',
        { class: 'spot' },
        el(
          'summary',
          {},
          el(
            'span',
            { class: 'place' },
            el('strong', {}, spot.host || 'unknown host'),
            el('span', { class: 'note' }, [spot.rack, spot.vswitch, spot.segment].filter(Boolean).join(' · ')),
          ),
          el('span', { class: 'why' }, REASONS[spot.reason]),
          el(
            'span',
            { class: 'amount' },
            `${formatCount(spot.pairs)} ${spot.pairs === 1 ? 'pair' : 'pairs'}`,
            el(
              'span',
              { class: 'note', title: formatTime(spot.since) },
              `${spot.sinceOrEarlier ? 'at least since' : 'since'} ${formatAge(Date.now() - Date.parse(spot.since))}`,
            ),
          ),
        ),
        el('ol', { class: 'remedies' }, ...spot.remedies.map(remedy => el('li', {}, remedy))),
      ),
    ),
    left > 0 && el('p', { class: 'none' }, `${formatCount(left)} smaller ones; the API lists them`),
  );
}

function troublesOf({ exporters }: CoverageAnswer): HTMLElement {
  const found = TROUBLES.filter(([kind]) => exporters[kind].length > 0);
  return el(
    'section',
    { 'aria-label': 'Exporters with trouble' },
    el('h3', {}, 'Exporters with trouble'),
    found.length === 0 && el('p', { class: 'note' }, 'None.'),
    ...found.map(([kind, label]) =>
      el('p', {}, el('span', { class: 'note' }, label), el('span', { class: 'mono' }, exporters[kind].join(', '))),
    ),
  );
}

function unnamedOf({
  unclassifiedByReason,
  lossRatio,
  unknownRateShare,
  unknownErrorShare,
}: CoverageAnswer): HTMLElement {
  const shares = Object.entries(unclassifiedByReason ?? {}).filter(([, share]) => share > 0);
  const row = (label: string, share: number | null) =>
    el('p', { class: 'share-row' }, el('span', {}, label), el('span', {}, formatShare(share)));
  return el(
    'section',
    { 'aria-label': 'Shares' },
    el('h3', {}, 'Shares'),
    row('records lost on the way', lossRatio),
    row('records without sampling rate', unknownRateShare),
    row('bytes of unknown error', unknownErrorShare),
    ...shares.map(([reason, share]) => row(`bytes unnamed: ${UNNAMED[reason] ?? reason}`, share)),
  );
}

function portsOf({ ports }: CoverageAnswer): HTMLElement | undefined {
  if (!ports || ports.length === 0) return undefined;
  return el(
    'section',
    { 'aria-label': 'Ports against their counters' },
    el('h3', {}, 'Counted at ports / counted by the interface'),
    ...ports
      .slice(0, 12)
      .map(({ exporter, ifIndex, host, ratio, agrees, octets, direction }) =>
        el(
          'p',
          { class: 'share-row', title: `${formatValue(octets, 'bytes')} by the interface, ${direction}` },
          el('span', {}, `${exporter} port ${ifIndex}${host === '' ? '' : ` · ${host}`}`),
          el('span', { class: agrees === false ? 'bad' : '' }, ratio === null ? '–' : ratio.toFixed(3)),
        ),
      ),
  );
}
