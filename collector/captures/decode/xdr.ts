// Reads the structures of sFlow (XDR, RFC 4506) as tables describe them: a structure is a list of names, each with a type
// behind a colon unless it is a 32-bit number, and [] behind that where a count and so many of them follow.
//
//   'nexthop:address as src_as dst_as_path:as_path[]'
//
// Everything takes a multiple of 4 bytes, and at least 4, so that a count is bounded by the bytes that are there.

import { formatAddress } from '../../../schemas/address.ts';
import type { Member, Members, Shown } from './element-text.ts';

interface Field {
  readonly name: string;
  readonly type: string;
  readonly list: boolean;
}
export type Layout = readonly Field[];

export function xdrLayout(text: string): Layout {
  return text.split(/\s+/).map(word => {
    const [name, type = 'u32'] = word.split(':') as [string, string?];
    return { name, type: type.replace('[]', ''), list: type.endsWith('[]') };
  });
}

/** Structures inside others. */
const PARTS: Readonly<Record<string, Layout>> = {
  source: xdrLayout('source_id_type source_id_index'),
  interface: xdrLayout('format value'),
  as_path: xdrLayout('type as_number:u32[]'),
  adapter: xdrLayout('ifIndex mac_address:mac[]'),
  context: xdrLayout('application:string operation:string attributes:string'),
  ethernet: xdrLayout('length src_mac:mac dst_mac:mac type'),
  ipv4_header: xdrLayout('length protocol src_ip:ipv4 dst_ip:ipv4 src_port dst_port tcp_flags tos'),
  ipv6_header: xdrLayout('length protocol src_ip:ipv6 dst_ip:ipv6 src_port dst_port tcp_flags priority'),
  ipv4_socket: xdrLayout('protocol local_ip:ipv4 remote_ip:ipv4 local_port remote_port'),
  ipv6_socket: xdrLayout('protocol local_ip:ipv6 remote_ip:ipv6 local_port remote_port'),
};

const utf8 = new TextDecoder();

export class XdrReader {
  readonly #view: DataView;
  readonly #end: number;
  /** Offset of what is read next. */
  at: number;

  constructor(view: DataView, start: number, end: number) {
    this.#view = view;
    this.#end = end;
    this.at = start;
  }

  /** As many fields of a structure as are there; `at` is left at the first that is not whole. */
  fields(layout: Layout): Map<string, Member> {
    const members = new Map<string, Member>();
    for (const field of layout) {
      const start = this.at;
      const value = this.#field(field);
      if (value === undefined) {
        this.at = start;
        break;
      }
      members.set(field.name, { value, units: '' });
    }
    return members;
  }

  /** What is left, but for padding. */
  rest(): string {
    const hex = this.#hexAt(this.at, this.#end - this.at);
    return /^0{0,6}$/.test(hex) ? '' : hex;
  }

  #field({ type, list }: Field): Shown | undefined {
    if (!list) return this.#value(type);
    const count = this.#u32();
    if (count === undefined || count > (this.#end - this.at) / 4) return undefined;
    const values: Shown[] = [];
    for (let i = 0; i < count; i++) {
      const value = this.#value(type);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  }

  #value(type: string): Shown | undefined {
    const part = PARTS[type];
    if (part) return this.#structure(part);
    switch (type) {
      case 'u32':
        return this.#u32();
      case 'i32':
        return this.#take(4, at => this.#view.getInt32(at));
      case 'float':
        return this.#take(4, at => this.#view.getFloat32(at));
      case 'u64':
        return this.#take(8, at => narrow(this.#view.getBigUint64(at)));
      case 'mac':
        return this.#take(8, at => this.#hexAt(at, 6).replace(/..(?!$)/g, '$&:'));
      case 'ipv4':
        return this.#take(4, at => [0, 1, 2, 3].map(i => this.#view.getUint8(at + i)).join('.'));
      case 'ipv6':
        return this.#take(16, at => ipv6At(this.#view, at));
      case 'address':
        return this.#address();
      case 'octets4':
        return this.#take(4, at => this.#hexAt(at, 4));
      case 'octets16':
        return this.#take(16, at => this.#hexAt(at, 16));
      case 'opaque':
        return this.#counted(length => this.#hexAt(this.at, length));
      case 'string':
        return this.#counted(length => utf8.decode(this.#bytes(this.at, length)));
      default:
        throw new Error(`no XDR type ${type}`);
    }
  }

  #structure(part: Layout): Members | undefined {
    const members = this.fields(part);
    return members.size === part.length ? members : undefined;
  }

  #u32(): number | undefined {
    return this.#take(4, at => this.#view.getUint32(at));
  }

  #address(): Shown | undefined {
    const family = this.#u32();
    if (family === 0) return '';
    return family === 1 ? this.#value('ipv4') : family === 2 ? this.#value('ipv6') : undefined;
  }

  #take<T>(bytes: number, read: (at: number) => T): T | undefined {
    const { at } = this;
    if (bytes > this.#end - at) return undefined;
    this.at = at + bytes;
    return read(at);
  }

  /** Content behind its length; agents leave the padding behind the last one out. */
  #counted(read: (length: number) => string): string | undefined {
    const length = this.#u32();
    if (length === undefined || length > this.#end - this.at) return undefined;
    const value = read(length);
    this.at = Math.min(this.at + length + (-length & 3), this.#end);
    return value;
  }

  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length);
  }

  #hexAt(at: number, length: number): string {
    return Buffer.from(this.#bytes(at, length)).toString('hex');
  }
}

function ipv6At(view: DataView, at: number): string {
  return formatAddress([view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12)]);
}

function narrow(value: bigint): number | bigint {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
