// Zstandard as a codec of kafkajs: Node's own zlib in its thread pool, so that ten megabytes block nobody.

import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Level 1: columns of numbers gain little from more, and the outbox has other work. */
const LEVEL = 1;

/** The most bytes that a batch may grow to; it also bounds a decompression bomb in the topic. */
const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;

export const zstd = {
  compress: ({ buffer }: { buffer: Buffer }) =>
    compress(buffer, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } }),
  decompress: (buffer: Buffer) => decompress(buffer, { maxOutputLength: DECOMPRESSED_BYTES_MAX }),
};
