// `hairpin quarantine list|replay`: batches that could not be stored, and putting them back: in the folder of a process, or
// in Kafka's topic.

import { join, resolve } from 'node:path';
import { ServiceSchema } from '../service/configuration.ts';
import { openDataFolder } from '../service/data-folder.ts';
import { createLog } from '../service/log.ts';
import { PROCESS_KEYS } from '../service/process-keys.ts';
import { KAFKA_CLIENT_KEYS, KAFKA_GROUP_KEYS } from '../transport/kafka/configuration.ts';
import { createKafka } from '../transport/kafka/kafka.ts';
import { createQuarantineTopic } from '../transport/kafka/quarantine-topic.ts';
import { createQuarantine, type Quarantined } from '../transport/quarantine.ts';
import { usageError } from './command-line.ts';
import { readConfiguration } from './configurations.ts';

const QUARANTINE = new ServiceSchema('quarantine', {
  data: PROCESS_KEYS.data,
  ...KAFKA_CLIENT_KEYS,
  ...KAFKA_GROUP_KEYS,
});

const HELP = `hairpin quarantine list|replay [TOKEN...] [--data DIR | --kafka HOST:PORT,...]

Batches that ClickHouse would never take lie in DIR/quarantine or, between several machines, in Kafka's topic of quarantine, each
with its reason. \`replay\` puts the named ones, or all of them, back. From the folder they go into the spool: that needs
Hairpin stopped, and the next start stores them. From the topic they go to the enricher that has their partition, at once.

${QUARANTINE.help()}
`;

interface Place {
  list(): Promise<readonly Quarantined[]>;
  /** Resolves with the tokens that are not there. */
  replay(tokens: readonly string[]): Promise<readonly string[]>;
  /** What becomes of batches that are put back. */
  readonly outcome: string;
}

export async function quarantine(args: readonly string[]): Promise<number> {
  // Environment and hairpin.yaml are those of the service beside it.
  const read = readConfiguration(QUARANTINE, args, HELP, { borrowed: true, takesArguments: true });
  if (!read) return 0;
  const { configuration, positionals } = read;
  const [action, ...tokens] = positionals;
  const place =
    configuration.kafka.length > 0 && !read.isFlag('data')
      ? topicPlace(
          createQuarantineTopic(
            configuration,
            createKafka(configuration, 'hairpin-quarantine', createLog('quarantine', 'error')),
          ),
        )
      : folderPlace(configuration.data);
  if (action === 'list' && tokens.length === 0) return list(place);
  if (action !== 'replay') throw usageError('say list or replay', HELP);
  return replay(place, tokens);
}

function topicPlace(topic: ReturnType<typeof createQuarantineTopic>): Place {
  return { ...topic, outcome: 'the topic of batches; an enricher stores them' };
}

function folderPlace(data: string): Place {
  const store = createQuarantine({
    folder: join(resolve(data), 'quarantine'),
    spoolFolder: join(resolve(data), 'spool'),
    bytesMax: Number.POSITIVE_INFINITY,
  });
  return {
    list: async () => store.list(),
    async replay(tokens) {
      const folder = openDataFolder(data);
      try {
        return tokens.filter(token => !store.replay(token));
      } finally {
        folder.release();
      }
    },
    outcome: 'the spool; the next start stores them',
  };
}

async function list(place: Place): Promise<number> {
  for (const { token, bytes, at, reason } of await place.list())
    process.stdout.write(`${token || '-'}\t${bytes} B\t${at}\t${reason}\n`);
  return 0;
}

async function replay(place: Place, tokens: readonly string[]): Promise<number> {
  const wanted =
    tokens.length > 0 ? tokens : (await place.list()).map(batch => batch.token).filter(token => token !== '');
  const missing = await place.replay(wanted);
  for (const token of missing) process.stderr.write(`${token} is not in quarantine\n`);
  process.stderr.write(`${wanted.length - missing.length} batches put back into ${place.outcome}\n`);
  return missing.length > 0 ? 1 : 0;
}
