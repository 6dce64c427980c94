// `hairpin quarantine list|replay`: lists batches that could not be stored and puts them back, in the folder of a process or
// in Kafka's topic.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ServiceSchema } from '../service/configuration.ts';
import { openDataFolder } from '../service/data-folder.ts';
import { HairpinError } from '../service/errors.ts';
import { createLog } from '../service/log.ts';
import { PROCESS_KEYS } from '../service/process-keys.ts';
import { KAFKA_CLIENT_KEYS, KAFKA_GROUP_KEYS } from '../transport/kafka/configuration.ts';
import { createKafka } from '../transport/kafka/kafka.ts';
import { QuarantineTopic } from '../transport/kafka/quarantine-topic.ts';
import { QuarantineFolder } from '../transport/spool/quarantine.ts';
import type { Quarantined } from '../transport/transport.ts';
import { usageError } from './command-line.ts';
import { readConfiguration } from './configurations.ts';

const QUARANTINE = new ServiceSchema('quarantine', {
  data: PROCESS_KEYS.data,
  ...KAFKA_CLIENT_KEYS,
  ...KAFKA_GROUP_KEYS,
});

const HELP = `hairpin quarantine list|replay [TOKEN...] [--data DIR | --kafka HOST:PORT,...]

Batches that ClickHouse would never accept are kept in DIR/quarantine or, in a distributed installation, in Kafka's quarantine
topic, each with its reason. \`replay\` puts the named ones back, or all of them. Batches of the folder return to the spool: stop
Hairpin first, and the next start stores them. Batches of the topic return to the enricher of their partition, at once.

${QUARANTINE.help()}
`;

interface Location {
  list(): Promise<readonly Quarantined[]>;
  /** Resolves with the tokens that are not in quarantine. */
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
  const location =
    configuration.kafka.length > 0 && !read.isFlag('data')
      ? topicLocation(
          new QuarantineTopic(
            configuration,
            createKafka(configuration, 'hairpin-quarantine', createLog('quarantine', 'error')),
          ),
        )
      : folderLocation(configuration.data);
  if (action === 'list' && tokens.length === 0) return list(location);
  if (action !== 'replay') throw usageError('an action is needed: list or replay', HELP);
  return replay(location, tokens);
}

function topicLocation(topic: QuarantineTopic): Location {
  return {
    list: () => topic.list(),
    replay: tokens => topic.replay(tokens),
    outcome: 'the topic of batches; an enricher stores them',
  };
}

function folderLocation(data: string): Location {
  const folder = join(resolve(data), 'quarantine');
  if (!existsSync(folder))
    throw new HairpinError(
      'DATA_FOLDER_UNUSABLE',
      `${data} holds no quarantine/, so it is no data folder of Hairpin; give one with --data`,
    );
  const store = new QuarantineFolder({
    folder,
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

async function list(location: Location): Promise<number> {
  const batches = await location.list();
  for (const { token, bytes, at, reason } of batches)
    process.stdout.write(`${token || '-'}\t${bytes} B\t${at}\t${reason}\n`);
  if (batches.length === 0) process.stderr.write('no batch is in quarantine\n');
  return 0;
}

async function replay(location: Location, tokens: readonly string[]): Promise<number> {
  const wanted =
    tokens.length > 0 ? tokens : (await location.list()).map(batch => batch.token).filter(token => token !== '');
  const missing = await location.replay(wanted);
  for (const token of missing) process.stderr.write(`${token} is not in quarantine\n`);
  process.stderr.write(`${wanted.length - missing.length} batches put back into ${location.outcome}\n`);
  return missing.length > 0 ? 1 : 0;
}
