/** Where ClickHouse is and as whom to reach it; plain data, so that a thread can be given it. */
export interface StorageAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}
