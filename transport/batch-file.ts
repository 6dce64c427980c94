// A batch as a file: a header of fixed size and the Arrow stream behind it.
//
//   0  magic "HAIRPIN\n" | 8 header version 4 | 12 schema version 4 | 16 payload length 8 | 24 payload CRC-32 4 |
//   28 token length 4 | 32 token, ASCII, 220 bytes | 252 header CRC-32 4 | 256 payload
//
// Numbers are little-endian. The schema version is information for people: after an upgrade the decoder meets batches of
// the version before, takes columns by name and refuses those that it cannot read. Both checksums are needed, because
// Arrow accepts most single-bit errors silently. The size of the header keeps the payload aligned for typed arrays.

import { crc32 } from 'node:zlib';
import { FLOW_SCHEMA_VERSION } from '../schemas/flow.ts';

export const HEADER_BYTES = 256;
export const BATCH_SUFFIX = '.batch';

const MAGIC = 'HAIRPIN\n';
const HEADER_VERSION = 1;
const TOKEN_START = 32;
const TOKEN_BYTES_MAX = 220;
const HEADER_CRC_START = 252;

/** Why a file is no batch; a bounded label of a counter. */
export type FileFault = 'format' | 'checksum' | 'header-version';

export function batchHeader(token: string, pieces: readonly Uint8Array[]): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(HEADER_VERSION, 8);
  header.writeUInt32LE(FLOW_SCHEMA_VERSION, 12);
  header.writeBigUInt64LE(BigInt(bytesOf(pieces)), 16);
  header.writeUInt32LE(
    pieces.reduce((crc, piece) => crc32(piece, crc), 0),
    24,
  );
  header.writeUInt32LE(token.length, 28);
  header.write(token, TOKEN_START, TOKEN_BYTES_MAX, 'latin1');
  header.writeUInt32LE(crc32(header.subarray(0, HEADER_CRC_START)), HEADER_CRC_START);
  return header;
}

export function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** The Arrow stream of a file named after `token`, or what is wrong with the file. */
export function payloadOf(file: Buffer, token: string): Uint8Array | FileFault {
  if (file.length < HEADER_BYTES || file.toString('latin1', 0, MAGIC.length) !== MAGIC) return 'format';
  if (file.readUInt32LE(HEADER_CRC_START) !== crc32(file.subarray(0, HEADER_CRC_START))) return 'checksum';
  if (file.readUInt32LE(8) !== HEADER_VERSION) return 'header-version';
  const tokenEnd = TOKEN_START + file.readUInt32LE(28);
  if (tokenEnd > HEADER_CRC_START || file.toString('latin1', TOKEN_START, tokenEnd) !== token) return 'format';
  const payload = file.subarray(HEADER_BYTES);
  if (file.readBigUInt64LE(16) !== BigInt(payload.length)) return 'format';
  return file.readUInt32LE(24) === crc32(payload) ? payload : 'checksum';
}
