import type { HistoryOptions } from '../inventory/snapshot/history.ts';
import type { StorageAddress } from '../storage/storage-address.ts';

/** What a thread needs that reads the recorded documents. */
export interface RecordedData {
  /** A user that may read is enough. */
  readonly storage: StorageAddress;
  readonly database: string;
  readonly queryTimeoutMs: number;
  readonly history: HistoryOptions;
}
