// RFC 3954 6.1: the scope of NetFlow v9 options has types of its own, which are no elements.

import { PROTOCOL } from '../../../schemas/codes.ts';

const V9_SCOPES = ['system', 'interface', 'lineCard', 'cache', 'template'];

/** The name of a scope field that is no element; undefined where it is one. */
export function scopeName(protocol: number, pen: number, id: number): string | undefined {
  return protocol === PROTOCOL.netflow9 && pen === 0 ? V9_SCOPES[id - 1] : undefined;
}
