// How the enricher comes by its knowledge: from a follower in the same thread (tests, small tools), or from one in a thread
// of its own, whose updates it only opens. The enricher requests what it needs and goes on with what it has.

import { Worker } from 'node:worker_threads';
import { DocumentError } from '../../schemas/documents.ts';
import { createLog } from '../../service/log.ts';
import { SupervisedWorker } from '../../service/worker.ts';
import type { StorageAddress } from '../../storage/storage-address.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import type { InventoryThreadConfiguration } from '../configuration.ts';
import {
  type FollowerConfiguration,
  type FollowerDependencies,
  InventoryFollower,
  type KnowledgeUpdate,
} from './follower.ts';
import { createReceived, type Received } from './received.ts';
import type { Snapshot } from './snapshot.ts';

/** Is called with a snapshot that is about to be in force, which waits for it. */
export type Prepare = (snapshot: Snapshot, isStopped: () => boolean) => Promise<void>;

export interface KnowledgeFeed {
  /** Ends when the first knowledge is here. Throws a DocumentError where a file is refused; see InventoryFollower.start. */
  start(restarted: boolean, facts: readonly StoredFact[], prepare?: Prepare): Promise<void>;
  readonly knowledge: Received;
  /** A batch of facts, as it came. */
  learnFacts(arrow: Uint8Array): void;
  /** Ends when what holds at these moments is here, or after a bounded time. */
  need(moments: readonly number[]): Promise<void>;
  stop(): Promise<void>;
}

export function createLocalFeed(
  config: FollowerConfiguration,
  dependencies: Omit<FollowerDependencies, 'onUpdate'>,
): KnowledgeFeed {
  const knowledge = createReceived();
  const follower = new InventoryFollower(config, { ...dependencies, onUpdate: knowledge.take });
  return {
    knowledge,
    start: (restarted, facts) => follower.start(restarted, facts),
    learnFacts: arrow => follower.learnFacts(arrow),
    need: async moments => follower.request(moments),
    stop: () => follower.stop(),
  };
}

export interface KnowledgeData {
  readonly configuration: InventoryThreadConfiguration;
  readonly storage: StorageAddress;
  readonly counters: SharedArrayBuffer;
  readonly restarted: boolean;
}

export type KnowledgeRequest =
  | { readonly type: 'facts'; readonly arrow: Uint8Array }
  | { readonly type: 'need'; readonly moments: readonly number[]; readonly number: number }
  | { readonly type: 'stop' };

export type KnowledgeMessage =
  | { readonly type: 'started' }
  | { readonly type: 'refused'; readonly error: DocumentError['faults'] }
  | { readonly type: 'update'; readonly update: KnowledgeUpdate }
  | { readonly type: 'answered'; readonly number: number };

/** A batch waits so long for an epoch to be compiled, then takes the nearest one. */
const NEED_MS_MAX = 30_000;

export function createThreadFeed(data: Omit<KnowledgeData, 'restarted'>): KnowledgeFeed {
  const knowledge = createReceived();
  const waiting = new Map<number, () => void>();
  let thread: SupervisedWorker<KnowledgeRequest, KnowledgeMessage> | undefined;
  let number = 0;
  let stopping = false;

  const post = (message: KnowledgeRequest) => thread?.post(message);

  return {
    knowledge,
    async start(restarted, _, prepare) {
      const given: KnowledgeData = { ...data, restarted };
      const take = async (update: KnowledgeUpdate) => {
        const newest = prepare && knowledge.open(update);
        // A batch that waits for what comes behind this goes first.
        if (newest) await prepare(newest, () => stopping || waiting.size > 0);
        knowledge.take(update);
      };
      const handle = async (message: KnowledgeMessage) => {
        if (message.type === 'update') await take(message.update);
        else if (message.type === 'answered') {
          waiting.get(message.number)?.();
          waiting.delete(message.number);
        }
      };
      // One after the other: an answer means that the update before it is in force.
      let handled = Promise.resolve();
      thread = new SupervisedWorker({
        name: 'knowledge thread',
        log: createLog('enricher', data.configuration.logLevel),
        spawn: () => new Worker(new URL('./follower-thread.ts', import.meta.url), { workerData: given }),
        isStarted(message) {
          if (message.type === 'refused') throw new DocumentError('what is configured', message.error);
          return message.type === 'started';
        },
        onMessage(message) {
          handled = handled.then(() => handle(message));
        },
        onExit({ code, started }) {
          // Without it this thread would go on with old knowledge for ever: it ends as well, and both are restarted.
          if (started) throw new Error(`the knowledge thread ended with code ${code}`);
        },
      });
      await thread.start();
      await handled;
    },
    learnFacts(arrow) {
      // A copy, as the rest of its buffer would go along; not transferred, because a detached buffer makes V8 doubt all others.
      post({ type: 'facts', arrow: arrow.slice() });
    },
    async need(moments) {
      const own = ++number;
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, NEED_MS_MAX);
        waiting.set(own, () => {
          clearTimeout(timer);
          resolve();
        });
        post({ type: 'need', moments, number: own });
      });
      waiting.delete(own);
    },
    async stop() {
      stopping = true;
      await thread?.stop({ type: 'stop' });
    },
  };
}
