// What a comparison with another decoder gives: how many records and fields were held against each other, and where the
// two differ. A difference is either on the list of disagreements.ts, with the reason, or an error.

export type OracleName = 'tshark' | 'NetGauze' | 'filebeat' | 'tcpdump' | 'pmacct';

/** Rows that an oracle leaves out. */
export type Unreported = readonly [first: number, count: number];

/** Names of differences that are no field: rows left out, and records of which nothing is reported. */
export const UNTOLD = 'records left out';
export const BARE = 'records without fields';
const FIELDS_MIN = 2;

export interface Difference {
  count: number;
  /** The first of them, for people. */
  readonly example: string;
}

export class Agreement {
  readonly oracle: OracleName;
  /** What the comparison is known by: the file of expected values, or without one the file that holds the data. */
  readonly subject: string;
  /** Files that were decoded as those of one exporter, in this order. */
  readonly files: readonly string[];
  records = 0;
  fields = 0;
  /** By the name of the column or element. */
  readonly differences = new Map<string, Difference>();

  constructor(oracle: OracleName, files: readonly string[], golden?: string) {
    this.oracle = oracle;
    this.files = files;
    this.subject = golden ?? files.at(-1)!;
  }

  get differing(): number {
    return [...this.differences.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** Fields that are the same. */
  get agreeing(): number {
    const outside = [UNTOLD, BARE].map(name => this.differences.get(name)?.count ?? 0);
    return this.fields - this.differing + outside.reduce((sum, count) => sum + count, 0);
  }

  /** What is no field of a record: how many there are of something. */
  compareCount(what: string, ours: unknown, theirs: unknown): void {
    if (ours !== theirs) this.differ(what, 1, `${ours} ${what}, ${this.oracle} has ${theirs}`);
  }

  compare(record: number | string, field: string, ours: unknown, theirs: unknown): void {
    this.fields++;
    if (ours !== theirs) this.differ(field, 1, `record ${record}: ${field} is ${ours}, ${this.oracle} says ${theirs}`);
  }

  /** Every field that the oracle reports of a record; what it leaves out is not compared. */
  compareRecord(
    record: number,
    ours: Readonly<Record<string, unknown>>,
    theirs: Readonly<Record<string, unknown>>,
  ): void {
    const reported = Object.entries(theirs).filter(([, value]) => value !== undefined);
    this.records++;
    for (const [field, value] of reported) this.compare(record, field, ours[field], value);
    // Two fields is what a NAT event has; less compares nothing.
    if (reported.length < FIELDS_MIN)
      this.differ(BARE, 1, `record ${record}: ${this.oracle} reports ${reported.length} fields`);
  }

  /** The rows that the oracle reports, without `count` of them from `first`. */
  leaveOut<T>(rows: readonly T[], [first, count]: Unreported): T[] {
    if (count > 0) this.differ(UNTOLD, count, `${this.oracle} leaves out ${count} rows from row ${first}`);
    return rows.toSpliced(first, count);
  }

  differ(field: string, count: number, example: string): void {
    const known = this.differences.get(field);
    if (known) known.count += count;
    else this.differences.set(field, { count, example });
  }
}
