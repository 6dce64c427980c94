// Lines of places in a JSON text, in one walk over it: a parser of YAML, which would know them too, takes minutes for a
// large JSON document. The text is valid JSON; JSON.parse has accepted it.

import { keysOf } from './repair.ts';

/** A place that is looked for, or one on the way to it. */
interface Place {
  readonly inner: Map<string, Place>;
  line: number | undefined;
}

/** Line of each path (a JSON pointer), from 1; where nothing stands there, that of what would hold it. */
export function jsonLines(text: string, paths: readonly string[]): number[] {
  const root: Place = { inner: new Map(), line: undefined };
  for (const path of paths) {
    let place = root;
    for (const key of keysOf(path)) {
      const known = place.inner.get(key);
      const next = known ?? { inner: new Map(), line: undefined };
      if (!known) place.inner.set(key, next);
      place = next;
    }
  }
  new Walk(text).visit(root);
  return paths.map(path => lineOf(root, keysOf(path)));
}

function lineOf(root: Place, keys: readonly string[]): number {
  let line = root.line ?? 1;
  let place: Place | undefined = root;
  for (const key of keys) {
    place = place.inner.get(key);
    if (place?.line === undefined) break;
    line = place.line;
  }
  return line;
}

const QUOTE = 0x22;
const NEWLINE = 0x0a;
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY, COMMA] = [0x7b, 0x7d, 0x5b, 0x5d, 0x2c];

class Walk {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  /** Passes one value, and notes the lines of the places within it. Of a key given twice the last counts, as in JSON.parse. */
  visit(place: Place): void {
    this.#passSpace();
    place.line = this.#line;
    const first = this.#code();
    if (place.inner.size === 0) this.#skip();
    else if (first === OPEN_OBJECT) this.#visitObject(place);
    else if (first === OPEN_ARRAY) this.#visitArray(place);
    else this.#skip();
  }

  #visitObject({ inner }: Place): void {
    this.#at++;
    while (this.#passSpace() !== CLOSE_OBJECT) {
      const start = this.#at;
      this.#passText();
      const key = JSON.parse(this.#text.slice(start, this.#at)) as string;
      this.#passSpace();
      // The colon.
      this.#at++;
      this.#visitInner(inner.get(key));
    }
    this.#at++;
  }

  #visitArray({ inner }: Place): void {
    this.#at++;
    for (let i = 0; this.#passSpace() !== CLOSE_ARRAY; i++) this.#visitInner(inner.get(String(i)));
    this.#at++;
  }

  #visitInner(place: Place | undefined): void {
    if (place) this.visit(place);
    else {
      this.#passSpace();
      this.#skip();
    }
    if (this.#passSpace() === COMMA) this.#at++;
  }

  #skip(): void {
    const first = this.#code();
    if (first === QUOTE) {
      this.#passText();
      return;
    }
    if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) {
      while (this.#at < this.#text.length && !isEnd(this.#code())) this.#at++;
      return;
    }
    let depth = 0;
    do {
      const code = this.#code();
      if (code === QUOTE) this.#passText();
      else {
        if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth++;
        else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth--;
        else if (code === NEWLINE) this.#line++;
        this.#at++;
      }
    } while (depth > 0);
  }

  /** A text has no line breaks; a quote within it follows an odd number of backslashes. */
  #passText(): void {
    let end = this.#at;
    do end = this.#text.indexOf('"', end + 1);
    while (this.#backslashesBefore(end) % 2 === 1);
    this.#at = end + 1;
  }

  #backslashesBefore(end: number): number {
    let count = 0;
    while (this.#text[end - 1 - count] === '\\') count++;
    return count;
  }

  /** Returns what follows the white space. */
  #passSpace(): number {
    for (let code = this.#code(); code <= 0x20; code = this.#code()) {
      if (code === NEWLINE) this.#line++;
      this.#at++;
    }
    return this.#code();
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }
}

function isEnd(code: number): boolean {
  return code <= 0x20 || code === COMMA || code === CLOSE_OBJECT || code === CLOSE_ARRAY;
}
