// A process of an installation: its configuration, log, metrics, data folder, and the order in which its parts stop.

import { loadElements } from '../collector/elements/element-registry.ts';
import { createCallers } from '../query-api/access/callers.ts';
import { readWebhookToken } from '../query-api/alerts/webhook.ts';
import { type DataFolder, openDataFolder } from '../service/data-folder.ts';
import { createLifecycle, type Lifecycle, stopSignal } from '../service/lifecycle.ts';
import { createLog, type Log } from '../service/log.ts';
import { createMetrics, type Metrics } from '../service/metrics.ts';
import type { ProcessConfiguration } from '../service/process-keys.ts';

/** What the parts of a process share while it starts. */
export interface Process<C extends ProcessConfiguration = ProcessConfiguration> {
  readonly configuration: C;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly data: DataFolder;
}

/** Runs `start` in a fresh process; what it started is stopped when it fails, and by the `stop` that is added to its result. */
export async function startProcess<C extends ProcessConfiguration, T extends object>(
  configuration: C,
  name: string,
  start: (process: Process<C>) => Promise<T>,
): Promise<T & { stop(): Promise<void> }> {
  const log = createLog(name, configuration.logLevel);
  readFiles(configuration, log);
  const lifecycle = createLifecycle(log);
  void stopSignal();
  const data = openDataFolder(configuration.data);
  const stop = async () => {
    await lifecycle.stop();
    data.release();
  };
  try {
    const started = await start({ configuration, log, metrics: createMetrics(), lifecycle, data });
    return { ...started, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Files that parts read when they start: one that is refused is no reason to start ClickHouse first and stop it again. */
function readFiles(
  {
    tokens,
    elements = '',
    alertWebhookToken = '',
  }: ProcessConfiguration & { readonly elements?: string; readonly alertWebhookToken?: string },
  log: Log,
): void {
  createCallers(tokens, log);
  readWebhookToken(alertWebhookToken);
  if (elements !== '') loadElements(elements);
}
