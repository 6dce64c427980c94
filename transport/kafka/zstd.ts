// Zstandard for kafkajs, which knows the number of the codec and leaves the rest to others: Node's own zlib, in its
// thread pool, so that ten megabytes hold nobody up. kafkajs keeps its codecs in one table for the whole process.

import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Level 1: columns of numbers gain little from more, and the outbox has other work. */
const LEVEL = 1;

/** What a batch may grow to; a bomb in the topic ends here. */
const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;

export function registerZstd(): void {
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) =>
      compress(buffer, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } }),
    decompress: (buffer: Buffer) => decompress(buffer, { maxOutputLength: DECOMPRESSED_BYTES_MAX }),
  });
}
