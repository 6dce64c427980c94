// Services by the names that IANA registered: `https` is tcp/443, udp/443 and sctp/443.

import { readFileSync } from 'node:fs';
import { parsePortRange } from '../../schemas/applications.ts';
import { type Key, serviceKey } from '../../schemas/keys.ts';

/** Names in lower case with their ports, as the registry has them: `tcp/443`, `tcp/6000-6063`. */
export const SERVICE_NAMES: ReadonlyMap<string, readonly string[]> = new Map(
  readFileSync(new URL('./service-names.tsv', import.meta.url), 'utf8')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [name = '', ports = ''] = line.split('\t');
      return [name, ports.split(' ')];
    }),
);

/** Of a range, what is stored is the range where a document has it, and each port elsewhere. */
export function servicesNamed(name: string): Key[] {
  const ports = SERVICE_NAMES.get(name.toLowerCase()) ?? [];
  return ports.flatMap(text => {
    const { proto, from, to } = parsePortRange(text)!;
    const single = Array.from({ length: to - from + 1 }, (_, i) => serviceKey(proto, from + i, from + i));
    return from === to ? single : [serviceKey(proto, from, to), ...single];
  });
}
