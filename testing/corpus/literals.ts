// Byte arrays that stand as literals in the tests of other projects, in Go and Rust. A literal is a list of bytes, a list
// of 16-bit words (sent big endian), or a text of hexadecimal digits, which `+` may continue on the next line. Which one
// becomes a file of the corpus is decided by its sha256.

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const NUMBER = String.raw`(?:0x[0-9a-fA-F]+|\d+)(?:u8|u16)?`;
const TERM = String.raw`${NUMBER}(?:\s*\+\s*${NUMBER})*`;
const LIST = new RegExp(String.raw`[[{(]\s*(${TERM}(?:\s*,\s*${TERM})*)\s*,?\s*[\]})]`, 'g');
const TEXT = /"[0-9a-fA-F]*"(?:\s*\+\s*"[0-9a-fA-F]*")*/g;

/** Every literal that may be bytes; a list whose numbers all fit into bytes is given as bytes and as words. */
export function literalsOf(source: string): Uint8Array[] {
  const code = source.replace(COMMENT, ' ');
  const lists = [...code.matchAll(LIST)].flatMap(([, list = '']) => {
    const numbers = list.split(',').map(sumOf);
    return [bytesOf(numbers), wordsOf(numbers)].filter(bytes => bytes !== undefined);
  });
  // A comment between two parts of a text ends a literal too: some files of the corpus are such a part.
  const texts = [...code.matchAll(TEXT), ...source.matchAll(TEXT)].map(([text]) =>
    Uint8Array.from(Buffer.from(text.replace(/[^0-9a-fA-F]/g, ''), 'hex')),
  );
  return [...lists, ...texts.filter(bytes => bytes.length > 0)];
}

function sumOf(term: string): number {
  return term
    .split('+')
    .map(number => Number(number.trim().replace(/(?<!x[0-9a-fA-F]*)u(?:8|16)$/, '')))
    .reduce((sum, one) => sum + one, 0);
}

function bytesOf(numbers: readonly number[]): Uint8Array | undefined {
  return numbers.every(number => number < 0x100) ? Uint8Array.from(numbers) : undefined;
}

function wordsOf(numbers: readonly number[]): Uint8Array | undefined {
  if (!numbers.every(number => number < 0x10000)) return undefined;
  return Uint8Array.from(numbers.flatMap(number => [number >> 8, number & 0xff]));
}
