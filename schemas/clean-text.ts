// Texts of others that people read: names that exporters send, documents. A character that nobody sees, or that turns the
// direction of the text around it, lets one name look like another; each becomes U+FFFD, which everybody sees.

/**
 * Controls, formats (soft hyphen, zero widths, marks and overrides of direction, tags), line and paragraph separators, lone
 * surrogates, variation selectors, and letters without a shape (Hangul fillers, Khmer inherent vowels, grapheme joiner).
 */
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|\u034f|[\u115f\u1160\u3164\uffa0]|\u17b4|\u17b5|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/gu;
const REPLACEMENT = '\ufffd';

export function cleanText(text: string): string {
  return text.replace(UNSEEN, REPLACEMENT);
}

/** A copy of a parsed document with every text cleaned; tabs and line breaks within texts stay. */
export function cleanDocument(value: unknown): unknown {
  if (typeof value === 'string')
    return value.replace(UNSEEN, found => (found === '\t' || found === '\n' || found === '\r' ? found : REPLACEMENT));
  if (Array.isArray(value)) return value.map(cleanDocument);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cleanDocument(inner)]));
}
