// What the page says when there is no matrix to show, or when one could be better: the first start, an empty window,
// an error, and how to give names to address blocks.

import type { ExportersAnswer } from '../query-api/questions/exporters.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import { dataUntil } from './data-until.ts';
import { el } from './dom.ts';
import { isAutomatic } from './matrix.ts';

const HINT_KEY = 'hairpin-hint-applications';

/** Commands that point an exporter here; ADDRESS and ports are filled in. */
function recipes(address: string, port: number, sflowPort: number): readonly (readonly [string, string])[] {
  return [
    ['H3C Comware, NetStream', `ip netstream export host ${address} ${port}\nip netstream export version 9`],
    ['H3C, HPE, Arista: sFlow', `sflow collector 1 ip ${address} port ${sflowPort}`],
    [
      'Cisco IOS XE, Flexible NetFlow',
      `flow exporter HAIRPIN\n destination ${address}\n transport udp ${port}\n export-protocol ipfix`,
    ],
    [
      'Open vSwitch, IPFIX',
      `ovs-vsctl -- set Bridge br0 ipfix=@i -- --id=@i create IPFIX targets=\\"${address}:${port}\\"`,
    ],
    ['Any Linux interface, softflowd', `softflowd -i eth0 -n ${address}:${port} -v 9`],
  ];
}

export function firstStart({ receiving, exporters }: ExportersAnswer, host: string): HTMLElement {
  const ports = receiving.udpPorts;
  const local = /^(localhost|127\.|\[?::1)/.test(host);
  const address = local ? 'ADDRESS' : host;
  const received = exporters.length > 0;
  return el(
    'section',
    { class: 'card first-start' },
    el('div', { class: 'waiting', 'aria-hidden': 'true' }, el('i'), el('i'), el('i')),
    el('h2', {}, received ? 'Exporters are sending; the first flows follow' : 'Waiting for the first flow'),
    el(
      'p',
      {},
      received
        ? `Records of ${receiving.templateProtocols} need a template first; it comes within minutes. The exporters view shows what has arrived.`
        : `Point a switch at this machine${local ? ' (ADDRESS: how the switch reaches it)' : ''}. Each port takes every protocol: ${receiving.protocols}; NetStream is one of the NetFlow versions.`,
    ),
    el('p', { class: 'ports' }, ...ports.map(port => el('code', {}, `UDP ${port}`))),
    el(
      'div',
      { class: 'recipes' },
      ...recipes(address, ports[0] ?? 2055, ports.find(port => port === 6343) ?? ports[0] ?? 6343).map(([name, text]) =>
        el('figure', {}, el('figcaption', {}, name), el('pre', { tabindex: 0 }, text)),
      ),
    ),
    el(
      'p',
      { class: 'note' },
      'This page notices the first flow by itself. No switch at hand? ',
      el('code', {}, 'npm run demo'),
      ' simulates a small data centre.',
    ),
  );
}

/** A window without rows: nothing flowed where it is covered, else nobody knows. */
export function emptyWindow(window: string, answer: MatrixAnswer, widen: (() => void) | undefined): HTMLElement {
  const isKnown = answer.coveredFrom !== null;
  const unknown = `No collector was receiving, or what it received is not stored yet${dataUntil(answer) && ` (${dataUntil(answer)})`}.`;
  return el(
    'section',
    { class: 'card first-start' },
    el('h2', {}, isKnown ? 'No traffic in this window' : 'Nothing is known of this window'),
    el('p', {}, isKnown ? `Nothing was received for ${window}.` : `${window}: ${unknown}`),
    widen && el('button', { type: 'button', class: 'primary', onclick: widen }, 'Show the last 24 hours'),
  );
}

export function notAllowed(view: string): HTMLElement {
  return el(
    'section',
    { class: 'card first-start' },
    el('h2', {}, `This token may not see ${view}`),
    el('p', {}, 'It has a role that shows applications only. Whoever runs Hairpin can make one with the role read.'),
  );
}

export function failure(message: string, retry: () => void): HTMLElement {
  return el(
    'div',
    { class: 'banner bad', role: 'alert' },
    el('p', {}, el('strong', {}, 'Not up to date. '), message),
    el('button', { type: 'button', onclick: retry }, 'Try again'),
  );
}

/** Shown while no applications document is configured and automatic nodes carry the matrix. */
export function namingHint(matrix: MatrixAnswer, { applications }: ExportersAnswer): HTMLElement | undefined {
  if (applications || localStorage.getItem(HINT_KEY) === 'off') return undefined;
  const example = matrix.rows.find(isAutomatic);
  if (!example) return undefined;
  const block = example.name.replace(/^auto:/, '');
  const [, prefix, segment] = /^([0-9a-f.:]+\/\d+)(?:@(.+))?$/i.exec(block) ?? [];
  const selector = segment ? `segments: ["${segment}"]` : prefix ? `prefixes: [${prefix}]` : `names: ["${block}*"]`;
  const banner: HTMLElement = el(
    'div',
    { class: 'banner' },
    el(
      'details',
      {},
      el('summary', {}, el('strong', {}, 'These nodes name themselves.'), ' Give them your applications’ names'),
      el(
        'p',
        {},
        'Write ',
        el('code', {}, 'applications.yaml'),
        ', then start with ',
        el('code', {}, '--applications applications.yaml'),
        '; it is read again whenever it changes.',
      ),
      el(
        'pre',
        { tabindex: 0 },
        `applications:\n  - id: web\n    servers:\n      ${selector}\n    ports: [tcp/80, tcp/443]`,
      ),
    ),
    el(
      'button',
      {
        type: 'button',
        onclick: () => {
          localStorage.setItem(HINT_KEY, 'off');
          banner.remove();
        },
      },
      'Not now',
    ),
  );
  return banner;
}
