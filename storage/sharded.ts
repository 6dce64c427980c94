// ClickHouse of several shards (placement.ts) seen as one. Questions go to the tables in front; a batch goes to the one
// shard that its token names, straight and whole, so that all that keeps an insert exactly-once in one server (client.ts)
// holds as it is: the shard remembers the token, and its own views fill its own roll-ups. Everything small stands on the
// first shard.
//
// Another number of shards would send a batch that is tried again elsewhere: shards are added while nothing is on its way.

import { crc32 } from 'node:zlib';
import { type ClickHouse, createStorage, type StorageOptions } from './client.ts';
import { type FormConfiguration, isReplicated, localDatabase } from './placement.ts';

export interface ShardedOptions extends Omit<StorageOptions, 'database'> {
  readonly form: FormConfiguration;
}

/** The form that the configuration names, for a client that writes; one that only reads needs no more than the tables in front. */
export function openStorage({ form, ...connection }: ShardedOptions): ClickHouse {
  const options = { ...connection, replicated: isReplicated(form) };
  const front = createStorage({ ...options, database: form.clickhouseDatabase });
  if (form.clickhouseForm === 'single') return front;
  const database = localDatabase(form);
  const shards = form.clickhouseShards.map(url => createStorage({ ...options, url, database }));
  const first = shards[0]!;
  return {
    ...front,
    shards,
    insertArrow: (table, arrow, token, again) =>
      shards[shardOf(token, shards.length)]!.insertArrow(table, arrow, token, again),
    insertSelect: () => Promise.reject(new Error('rows are moved within a shard: ask shardsOf()')),
    command: first.command,
    insertNodes: first.insertNodes,
    insertFacts: first.insertFacts,
    recentFacts: first.recentFacts,
    insertServices: first.insertServices,
    recordedServices: first.recordedServices,
    servicesSeen: first.servicesSeen,
    insertDocument: first.insertDocument,
    insertHeartbeat: first.insertHeartbeat,
    insertEvents: first.insertEvents,
    async ping() {
      await Promise.all([front, ...shards].map(client => client.ping()));
    },
    async close() {
      await Promise.all([front, ...shards].map(client => client.close()));
    },
  };
}

export function shardOf(token: string, shards: number): number {
  return crc32(token) % shards;
}
