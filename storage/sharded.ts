// ClickHouse of several shards (placement.ts) seen as one. Queries go to the tables in front; a batch goes straight and
// whole to the one shard that its token selects. All that keeps an insert exactly-once in one server (client.ts) then
// holds as it is: the shard remembers the token, and its own views fill its own roll-ups. Small tables are stored on the
// first shard.
//
// Another number of shards would send a batch that is retried to another server: add shards while no batch is under way.

import { crc32 } from 'node:zlib';
import { type ClickHouse, createStorage, type StorageOptions } from './client.ts';
import { type FormConfiguration, isReplicated, localDatabase } from './placement.ts';
import {
  type ArrowInsert,
  type QueryParams,
  type RowInsert,
  type SelectOptions,
  type Storage,
  shardsOf,
} from './storage.ts';

export interface ShardedOptions extends Omit<StorageOptions, 'database'> {
  readonly form: FormConfiguration;
}

/** The form that the configuration names, for a client that writes. One that only reads needs just the tables in front. */
export function openStorage({ form, ...connection }: ShardedOptions): ClickHouse {
  const options = { ...connection, replicated: isReplicated(form) };
  const front = createStorage({ ...options, database: form.clickhouseDatabase });
  if (form.clickhouseForm === 'single') return front;
  const database = localDatabase(form);
  return new Sharded(
    front,
    form.clickhouseShards.map(url => createStorage({ ...options, url, database })),
  );
}

/** The client of the server that stores the batch with this token. */
export function shardFor(storage: Storage, token: string): Storage {
  const shards = shardsOf(storage);
  return shards[crc32(token) % shards.length]!;
}

class Sharded implements ClickHouse {
  readonly database: string;
  readonly replicated: boolean;
  readonly shards: readonly ClickHouse[];
  readonly #front: ClickHouse;
  readonly #home: ClickHouse;

  constructor(front: ClickHouse, shards: readonly ClickHouse[]) {
    this.database = front.database;
    this.replicated = front.replicated;
    this.shards = shards;
    this.#front = front;
    this.#home = shards[0]!;
  }

  select<T>(sql: string, params?: QueryParams, options?: SelectOptions): Promise<T[]> {
    return this.#front.select(sql, params, options);
  }

  selectArrow(sql: string, params?: QueryParams): Promise<Uint8Array> {
    return this.#front.selectArrow(sql, params);
  }

  command(sql: string, params?: QueryParams, token?: string): Promise<void> {
    if (token !== undefined)
      return Promise.reject(new Error('INSERT ... SELECT copies rows within one shard; call it on each of shardsOf()'));
    return this.#home.command(sql, params);
  }

  insert(insert: RowInsert | ArrowInsert): Promise<void> {
    return ('rows' in insert ? this.#home : shardFor(this, insert.token)).insert(insert);
  }

  connect(database: string): ClickHouse {
    return this.#front.connect(database);
  }

  async close(): Promise<void> {
    await Promise.all([this.#front, ...this.shards].map(client => client.close()));
  }
}
