// Keys of the query API, and the schema of `hairpin query-api`.

import { Type } from 'typebox';
import { ANALYSIS_KEYS, analysisFaults } from '../analysis/configuration.ts';
import type { Fault } from '../schemas/documents.ts';
import { ServiceSchema, type ValuesOf } from '../service/configuration.ts';
import { PROCESS_KEYS, processFaults } from '../service/process-keys.ts';
import { CLICKHOUSE_KEYS, clickhouseFaults, READER_KEYS } from '../storage/configuration.ts';
import { BATCH_AGE_KEYS } from '../transport/configuration.ts';

const MiB = 1024 * 1024;

/** docs/ALERTS.md */
const ALERT_KEYS = {
  alertEvaluation: Type.Enum(['on', 'off'], {
    default: 'on',
    description: 'whether this process evaluates alert rules; of several query APIs one does',
  }),
  alertWebhook: Type.String({
    default: '',
    pattern: '^(https?://[^\\s]+)?$',
    expected: 'a URL with http or https, or empty',
    description: "URL that is sent alerts in the form of Alertmanager's webhook",
  }),
  alertWebhookToken: Type.String({ default: '', description: 'file with the bearer token that the webhook requires' }),
  alertRepeat: Type.String({
    default: '4h',
    pattern: '^[1-9]\\d{0,5}[mhd]$',
    expected: 'a duration: a number with m, h or d (4h)',
    description: 'an alert that goes on is sent again after this time',
  }),
  alertExternalUrl: Type.String({
    default: '',
    pattern: '^(https?://[^\\s]+)?$',
    expected: 'a URL with http or https, or empty',
    description: 'address of this API in messages to the webhook, where that is another one than --http',
  }),
};

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
  ...ALERT_KEYS,
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
    ...alertFaults(configuration),
  ],
);
export type QueryApiConfiguration = ValuesOf<typeof QUERY_API_SERVICE.keys>;

export function alertFaults({ alertWebhook }: { readonly alertWebhook: string }): Fault[] {
  if (alertWebhook === '') return [];
  const url = URL.parse(alertWebhook);
  if (!url) return [{ path: '/alertWebhook', message: 'is no URL, as https://alerts.example/hook' }];
  // Such a URL is refused by fetch, whose error repeats it.
  const isSecret = url.username !== '' || url.password !== '';
  return isSecret
    ? [
        {
          path: '/alertWebhook',
          message: 'holds a user or password; use --alert-webhook-token, or a secret in its path',
        },
      ]
    : [];
}
