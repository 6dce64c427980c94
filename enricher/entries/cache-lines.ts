// Tables whose entries are whole lines of the processor's cache, or parts of one, must also begin with a line. An array of its
// own does not: malloc puts it 16 bytes behind a page, or anywhere, and each entry then lies in two lines (bench enrich: a
// seventh slower, up to half as slow again, as chance would have it for each table). WebAssembly's memory is the only one that begins with a page.
//
// Each reserves 8 GiB of addresses beside the memory that it takes: the virtual size of a process says little.

const PAGE_BYTES = 65_536;
const WORD_BYTES = 4;

/** Zeros, at the start of a cache line; anywhere where addresses are limited (`ulimit -v`). */
export function wordsOnLines(count: number): Uint32Array<ArrayBuffer> {
  const pages = Math.ceil((count * WORD_BYTES) / PAGE_BYTES);
  try {
    return new Uint32Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer, 0, count);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return new Uint32Array(count);
  }
}
