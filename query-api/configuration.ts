// Keys of the query API, and the schema of `hairpin query-api`.

import { Type } from 'typebox';
import { ANALYSIS_KEYS, analysisFaults } from '../analysis/configuration.ts';
import { ServiceSchema, type ValuesOf } from '../service/configuration.ts';
import { PROCESS_KEYS, processFaults } from '../service/process-keys.ts';
import { CLICKHOUSE_KEYS, clickhouseFaults, READER_KEYS } from '../storage/configuration.ts';
import { BATCH_AGE_KEYS } from '../transport/configuration.ts';

const MiB = 1024 * 1024;

export const QUERY_API_KEYS = {
  apiConnectionsMax: Type.Integer({
    default: 512,
    minimum: 1,
    maximum: 65536,
    description: 'connections to the API at once; more are closed',
  }),
  snapshotBytesMax: Type.Integer({
    default: 128 * MiB,
    minimum: 1024,
    maximum: 1024 * MiB,
    description: 'largest inventory snapshot the API accepts, in bytes of its text',
  }),
  ...BATCH_AGE_KEYS,
  ...READER_KEYS,
  ...ANALYSIS_KEYS,
};

export const QUERY_API_SERVICE = new ServiceSchema(
  'query-api',
  { ...PROCESS_KEYS, ...CLICKHOUSE_KEYS, ...QUERY_API_KEYS },
  configuration => [
    ...processFaults(configuration),
    ...clickhouseFaults(configuration),
    ...analysisFaults(configuration),
  ],
);
export type QueryApiConfiguration = ValuesOf<typeof QUERY_API_SERVICE.keys>;
