// Whether a failure is transient or permanent. A fault of the server, the network or the set-up is transient: the batch is fine
// and waits. A fault of the batch is permanent. An error that is not listed here counts as permanent, because the enricher tries
// such a batch several times and then quarantines it, while a transient error blocks the batches behind it for ever.

import { ClickHouseError } from '@clickhouse/client';
import { StorageError } from './storage.ts';

/** Error codes of ClickHouse (src/Common/ErrorCodes.cpp) that say nothing about the batch. */
const TRANSIENT: ReadonlySet<number> = new Set([
  60, // UNKNOWN_TABLE, 81: the tables are made by the migration
  74, // CANNOT_READ_FROM_FILE_DESCRIPTOR
  75, // CANNOT_WRITE_TO_FILE_DESCRIPTOR: disk full
  76, // CANNOT_OPEN_FILE
  81, // UNKNOWN_DATABASE
  159, // TIMEOUT_EXCEEDED
  160, // TOO_SLOW
  164, // READONLY
  173, // CANNOT_ALLOCATE_MEMORY
  198, // DNS_ERROR
  201, // QUOTA_EXCEEDED
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  203, // NO_FREE_CONNECTION
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  225, // NO_ZOOKEEPER
  236, // ABORTED
  241, // MEMORY_LIMIT_EXCEEDED
  242, // TABLE_IS_READ_ONLY
  243, // NOT_ENOUGH_SPACE
  252, // TOO_MANY_PARTS, unless TOO_MANY_PARTITIONS below
  279, // ALL_CONNECTION_TRIES_FAILED
  285, // TOO_FEW_LIVE_REPLICAS
  286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
  319, // UNKNOWN_STATUS_OF_INSERT
  394, // QUERY_WAS_CANCELLED
  425, // SYSTEM_ERROR
  439, // CANNOT_SCHEDULE_TASK
  473, // DEADLOCK_AVOIDED
  497, // ACCESS_DENIED
  516, // AUTHENTICATION_FAILED
  745, // SERVER_OVERLOADED
  999, // KEEPER_EXCEPTION
  1001, // STD_EXCEPTION: file system errors arrive so
]);

/** EMFILE and ENFILE arrive under the code of whatever the server wanted to open: a pipe (298), an epoll descriptor (573). */
const OUT_OF_FILES = /errno: 2[34]\b/;

/** Code 252 has two meanings: merges do not keep up (transient), or one insert has rows of too many days (permanent). */
const TOO_MANY_PARTITIONS = /Too many partitions for single INSERT/;

/** VIOLATED_CONSTRAINT */
const VIOLATED = 469;
/** The constraint that fences a day while it is rewritten (fence.ts); it is removed within seconds. */
const FENCE = /`reenrich_[0-9a-f]+`/;

export function isFenced(error: unknown): boolean {
  return error instanceof StorageError && error.clickhouseCode === VIOLATED && FENCE.test(error.message);
}

/** An error of a client call, classed. A missing answer of ClickHouse (refused, reset, timed out) is transient. */
export function storageErrorOf(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ClickHouseError))
    return new StorageError('transient', 0, `no answer from ClickHouse: ${message}`, error);
  const code = Number(error.code);
  const fenced = code === VIOLATED && FENCE.test(message);
  const transient = fenced || OUT_OF_FILES.test(message) || (TRANSIENT.has(code) && !TOO_MANY_PARTITIONS.test(message));
  return new StorageError(transient ? 'transient' : 'permanent', code, `ClickHouse error ${code}: ${message}`, error);
}
