// Cuts a byte stream into IPFIX messages (RFC 7011 10.4.3) by the length in each message's header:
//
//   version 2 (10) | length 2 (16 to 65535, header included) | ...
//
// A message that lies whole in a piece is handed on as a view of it; only one that began in an earlier piece is copied,
// into a buffer of its own length. So a stream holds at most 65,535 bytes. Bytes that cannot begin a message end the
// stream: nothing says where the next one would start.

const VERSION = 10;
const HEADER_BYTES = 16;
/** Version and length: what must be there to know how long a message is. */
const START_BYTES = 4;
const NOTHING = new Uint8Array(0);

export class MessageCutter {
  /** The stream holds something else than IPFIX messages; it gives no more. */
  malformed = false;
  #piece: Uint8Array = NOTHING;
  #offset = 0;
  /** The message that began in an earlier piece, or its first START_BYTES as long as they are not complete. */
  #begun: Uint8Array = NOTHING;
  #filled = 0;

  /** Whether the stream has stopped in the middle of a message. */
  get unfinished(): boolean {
    return this.#filled > 0 || this.#offset < this.#piece.length;
  }

  /** Takes the next piece, once next() has given everything of the one before. */
  feed(piece: Uint8Array): void {
    this.#piece = piece;
    this.#offset = 0;
  }

  /** Whether next() has a message to give. */
  hasNext(): boolean {
    if (this.malformed) return false;
    const left = this.#piece.length - this.#offset;
    if (this.#filled === 0 && left >= START_BYTES) {
      const length = this.#lengthOf(this.#piece, this.#offset);
      if (length === 0) return false;
      if (length <= left) return true;
      this.#begun = new Uint8Array(length);
    } else if (this.#filled === 0 && left > 0) this.#begun = new Uint8Array(START_BYTES);
    if (this.#filled < START_BYTES && !this.#fill(START_BYTES)) return false;
    const length = this.#lengthOf(this.#begun, 0);
    if (length === 0) return false;
    if (this.#begun.length < length) {
      const whole = new Uint8Array(length);
      whole.set(this.#begun);
      this.#begun = whole;
    }
    return this.#fill(length);
  }

  /** The next whole message, valid until the next call; undefined when it takes another piece. */
  next(): Uint8Array | undefined {
    if (!this.hasNext()) return undefined;
    if (this.#filled === 0) {
      const start = this.#offset;
      this.#offset += this.#lengthOf(this.#piece, start);
      return this.#piece.subarray(start, this.#offset);
    }
    const message = this.#begun;
    this.#begun = NOTHING;
    this.#filled = 0;
    return message;
  }

  /** Copies from the piece until the message has `length` bytes; false when the piece ends before. */
  #fill(length: number): boolean {
    const end = Math.min(this.#piece.length, this.#offset + length - this.#filled);
    this.#begun.set(this.#piece.subarray(this.#offset, end), this.#filled);
    this.#filled += end - this.#offset;
    this.#offset = end;
    if (this.#filled === length) return true;
    // Used up: an idle stream must not keep it.
    this.feed(NOTHING);
    return false;
  }

  /** Length of the message that begins at `start`; 0, and the end of the stream, when none does. */
  #lengthOf(bytes: Uint8Array, start: number): number {
    const version = (bytes[start]! << 8) | bytes[start + 1]!;
    const length = (bytes[start + 2]! << 8) | bytes[start + 3]!;
    if (version === VERSION && length >= HEADER_BYTES) return length;
    this.malformed = true;
    return 0;
  }
}
