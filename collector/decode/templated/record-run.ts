// Records of a data set that become neighbouring rows: what the functions that complete the rows share. One object serves
// all runs of a thread, so that neither a data set nor a record costs an object.

export interface RecordRun {
  /** Of the first record. */
  row: number;
  count: number;
  /** Offset of the first record, or LOCATED. */
  start: number;
  /** Bytes from one record to the next. */
  stride: number;
}
