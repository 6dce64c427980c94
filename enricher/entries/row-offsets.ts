// Where what is known of each row of a batch lies. The stages write these columns once and read them often. One set is made
// for an enrichment and serves all its batches, so that a batch allocates nothing.

const NONE = new Uint32Array(0);

export class RowOffsets {
  /** Numbers of the exporters in the registry, 0 none. */
  exporters = NONE;
  /** Offsets into the entries of endpoints (endpoint-table.ts). */
  src = NONE;
  dst = NONE;
  /** Offsets into the words of seen ports (seen-ports.ts): the port that the row came in by, and that it left by. */
  inPorts = NONE;
  outPorts = NONE;

  constructor(rows = 0) {
    this.reserve(rows);
  }

  /** Makes room for so many rows. What was written before is lost when it grows. */
  reserve(rows: number): void {
    if (this.src.length >= rows) return;
    this.exporters = new Uint32Array(rows);
    this.src = new Uint32Array(rows);
    this.dst = new Uint32Array(rows);
    this.inPorts = new Uint32Array(rows);
    this.outPorts = new Uint32Array(rows);
  }
}
