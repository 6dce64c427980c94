// Keeps the learned services of every enricher alike: what was learned here is stored every few seconds, and what others
// stored is taken in. Storage that does not answer costs nothing but delay: what is to be reported waits, bounded by the
// table it comes from, and is reported again until it is stored. Reporting twice is harmless.

import type { Words } from '../schemas/address.ts';
import type { Counters } from '../service/counters.ts';
import { createThrottle, type Log } from '../service/log.ts';
import type { Storage } from '../storage/storage.ts';
import { insertServices, recordedServices, type ServiceSeen, servicesSeen } from '../storage/tables/services.ts';
import type { ENRICHER_COUNTERS } from './counters.ts';
import { type LearnedServices, SERVICE_LIFE_S, SERVICES_MAX } from './stages/learned-services.ts';

const INTERVAL_MS = 3000;
/** What was stored within this time is read again each time, so that no clock and no slow insert hides anything. */
const OVERLAP_S = 60;

export interface ServicesExchange {
  /** Takes in what was seen within the life of a service, then begins; where storage is away, the next tries do. */
  start(): Promise<void>;
  /** Stores what is left to report. */
  stop(): Promise<void>;
}

export interface ServicesExchangeDependencies {
  readonly services: LearnedServices;
  readonly storage: Storage;
  readonly log: Log;
  readonly counters: Counters<typeof ENRICHER_COUNTERS>;
  /**
   * False for addresses that may not be stored as they are: what was learned of a server outside then stays with the
   * enricher that learned it.
   */
  readonly mayStore?: (address: Words) => boolean;
  readonly intervalMs?: number;
  readonly nowMs?: () => number;
}

export function createServicesExchange({
  services,
  storage,
  log,
  counters,
  mayStore = () => true,
  intervalMs = INTERVAL_MS,
  nowMs = Date.now,
}: ServicesExchangeDependencies): ServicesExchange {
  const throttle = createThrottle();
  let unreported: ServiceSeen[] = [];
  /** False until everything that holds was read once. */
  let isLoaded = false;
  let timer: NodeJS.Timeout | undefined;
  let working = Promise.resolve();

  async function report(): Promise<void> {
    unreported = [...unreported, ...services.take().filter(({ address }) => mayStore(address))].slice(-SERVICES_MAX);
    if (unreported.length === 0) return;
    await insertServices(storage, unreported);
    unreported = [];
  }

  async function follow(): Promise<void> {
    const livesSinceMs = nowMs() - SERVICE_LIFE_S * 1000;
    if (isLoaded) {
      const recorded = await recordedServices(storage, OVERLAP_S, SERVICES_MAX);
      return services.merge(recorded.filter(({ lastSeenMs }) => lastSeenMs >= livesSinceMs));
    }
    services.merge(await servicesSeen(storage, livesSinceMs, nowMs(), SERVICES_MAX));
    isLoaded = true;
  }

  async function exchange(): Promise<void> {
    try {
      await report();
      await follow();
    } catch (error) {
      throttle('services', heldBack =>
        log.warn({ heldBack }, `learned services are not exchanged: ${(error as Error).message}; it is tried again`),
      );
    }
    counters.set('servicesLearned', services.size);
    counters.set('servicesEvicted', services.evicted);
  }

  const later = () => {
    timer = setTimeout(() => {
      working = exchange().then(later);
    }, intervalMs);
  };

  return {
    async start() {
      await exchange();
      later();
    },
    async stop() {
      clearTimeout(timer);
      await working;
      clearTimeout(timer);
      await exchange();
    },
  };
}
