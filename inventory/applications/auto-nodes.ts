// Automatic and explicit nodes: what an endpoint is called when no application claims it, so that an installation
// without any document still shows a matrix, and nothing unknown is hidden.

import { formatPrefix, isMapped4, maskWords, type Words } from '../../schemas/address.ts';
import { RULE } from '../../schemas/codes.ts';
import { EXPLICIT_NODES, type ExplicitNode, explicitKey, hashedKey, type Key, prefix4Key } from '../../schemas/keys.ts';
import { stemOf } from '../../schemas/stem.ts';

export interface AutoNode {
  readonly key: Key;
  readonly name: string;
  readonly rule: number;
}

export const EXPLICIT: Readonly<Record<ExplicitNode, AutoNode>> = Object.fromEntries(
  EXPLICIT_NODES.map(node => [node, { key: explicitKey(node), name: node, rule: RULE[node] }]),
) as Record<ExplicitNode, AutoNode>;

/** `lab-07` and `lab-12` are `auto:lab`; a name of nothing but digits and separators stays whole. */
export function autoVmNode(vmName: string): AutoNode {
  return group(stemOf(vmName), RULE['auto-vm']);
}

export function autoEndpointNode(name: string): AutoNode {
  return group(name, RULE['auto-endpoint']);
}

/**
 * Maintenance traffic is one node per purpose (`auto:vmkernel vmotion`), not per host: a planner asks how much vMotion
 * there is, and which hosts it runs between is reported by the host columns.
 */
export function autoVmkernelNode(purpose: string | undefined): AutoNode {
  return group(purpose ? `vmkernel ${purpose}` : 'vmkernel', RULE['auto-endpoint']);
}

function group(name: string, rule: number): AutoNode {
  return { key: hashedKey('autoGroup', `auto:${name}`), name: `auto:${name}`, rule };
}

/** The /24 or /64 of an address; `segment` says which one, where several segments use the same addresses. */
export function autoPrefixNode(address: Words, segment?: string): AutoNode {
  const length = isMapped4(address) ? 96 + 24 : 64;
  const words = maskWords(address, length);
  const text = formatPrefix({ words, length });
  const rule = RULE['auto-prefix'];
  if (segment !== undefined) {
    const reported = `${text}@${segment}`;
    return { key: hashedKey('autoPrefixOfSegment', reported), name: `auto:${reported}`, rule };
  }
  const key = length === 64 ? hashedKey('autoPrefix6', text) : prefix4Key(words[3], 24);
  return { key, name: `auto:${text}`, rule };
}

export type AddressClass = 'unicast' | 'multicast' | 'infrastructure';

/** 224/4, ff00::/8 and 255.255.255.255 are multicast; unspecified, loopback and link-local belong to the network itself. */
export function addressClassOf(address: Words): AddressClass {
  const [first, second, third, last] = address;
  if (isMapped4(address)) {
    if (last >>> 28 === 0xe || last === 0xffffffff) return 'multicast';
    return last === 0 || last >>> 24 === 127 || last >>> 16 === 0xa9fe ? 'infrastructure' : 'unicast';
  }
  if (first >>> 24 === 0xff) return 'multicast';
  const tiny = first === 0 && second === 0 && third === 0 && last <= 1;
  return tiny || first >>> 22 === 0x3fa ? 'infrastructure' : 'unicast';
}
