#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The command line. Each command is a file in commands/, loaded when it runs.

import { UsageError } from './commands/command-line.ts';
import { DocumentError } from './schemas/documents.ts';
import { HairpinError } from './service/errors.ts';
import { inlineFurther } from './service/inlining.ts';

interface Command {
  readonly usage: string;
  readonly about: string;
  /** Runs it with the arguments behind its name; resolves to the exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  start: {
    usage: 'start [--config FILE] [flags]',
    about: 'receive, enrich, store and answer queries: everything in one process',
    run: async args => (await import('./commands/start.ts')).start(args),
  },
  collector: {
    usage: 'collector --kafka HOST:PORT,... [flags]',
    about: 'distributed: receive flow exports and send them to Kafka',
    run: async args => (await import('./commands/services.ts')).collector(args),
  },
  enricher: {
    usage: 'enricher --kafka HOST:PORT,... --clickhouse URL [flags]',
    about: 'distributed: read from Kafka, enrich, count once, store in ClickHouse',
    run: async args => (await import('./commands/services.ts')).enricher(args),
  },
  'query-api': {
    usage: 'query-api --clickhouse URL [flags]',
    about: 'distributed: answer queries, serve the console, accept documents',
    run: async args => (await import('./commands/services.ts')).queryApi(args),
  },
  demo: {
    usage: 'demo [flags]',
    about: 'start with a small simulated data centre that sends to it',
    run: async args => (await import('./commands/demo.ts')).demo(args),
  },
  decode: {
    usage: 'decode FILE... [--all-elements] [--format jsonl|csv|table|arrow]',
    about: 'captures (pcap, pcapng, raw datagrams) to flow records, or to everything they hold',
    run: async args => (await import('./commands/decode.ts')).decode(args),
  },
  replay: {
    usage: 'replay FILE --to HOST:PORT [--rate N]',
    about: 'send the datagrams of a capture again, N per second or at its own pace',
    run: async args => (await import('./commands/replay.ts')).replay(args),
  },
  load: {
    usage: 'load --to HOST:PORT [flags]',
    about: 'send the exports of a simulated data centre and record the truth',
    run: async args => (await import('./commands/load.ts')).load(args),
  },
  verify: {
    usage: 'verify --truth FILE [--api URL]',
    about: 'compare a running Hairpin with the truth of a load',
    run: async args => (await import('./commands/verify.ts')).verify(args),
  },
  ask: {
    usage: "ask 'QUESTION [last DURATION] [where FILTER]' [--api URL]",
    about: 'a question to a running Hairpin, answered as a table',
    run: async args => (await import('./commands/ask.ts')).ask(args),
  },
  inventory: {
    usage: 'inventory check|import FILE...',
    about:
      'check inventory, applications or exporter documents and name every fault, or send them to a running Hairpin',
    run: async args => (await import('./commands/inventory.ts')).inventory(args),
  },
  token: {
    usage: 'token NAME --role ROLE',
    about: 'a new bearer token for the API, and its entry for the file given by --tokens',
    run: async args => (await import('./commands/token.ts')).token(args),
  },
  reenrich: {
    usage: 'reenrich --from DAY --to DAY [--dry-run] [--api URL]',
    about: 'apply what is known today to stored records of whole days',
    run: async args => (await import('./commands/reenrich.ts')).reenrich(args),
  },
  erase: {
    usage: 'erase --address A [--from DAY --to DAY] [--dry-run] [--api URL]',
    about: 'erase an address from the stored records',
    run: async args => (await import('./commands/erase.ts')).erase(args),
  },
  quarantine: {
    usage: 'quarantine list|replay [TOKEN...] [--data DIR | --kafka HOST:PORT,...]',
    about: 'list batches that could not be stored, or put them back',
    run: async args => (await import('./commands/quarantine.ts')).quarantine(args),
  },
  bench: {
    usage: 'bench NAME [--smoke]',
    about: 'run a benchmark and write its section of benchmarks/RESULTS.md',
    run: async args => (await import('./commands/bench.ts')).bench(args),
  },
};

function help(): string {
  const width = Math.max(...Object.values(COMMANDS).map(({ usage }) => usage.length));
  const lines = Object.values(COMMANDS).map(({ usage, about }) => `  ${usage.padEnd(width)}  ${about}`);
  return `Hairpin shows who talks to whom inside a virtualised data centre.\n\nnpx hairpin COMMAND\n\n${lines.join('\n')}\n\nnpx hairpin COMMAND --help lists the flags of a command.\n`;
}

const EXIT_MS_MAX = 3000;

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(help());
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    process.stderr.write(`hairpin ${name}: no such command\n\n${help()}`);
    return 2;
  }
  try {
    return await command.run(args);
  } catch (error) {
    // What an operator can correct is one clear message; anything else is a defect and keeps its stack.
    if (!(error instanceof HairpinError || error instanceof DocumentError || error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error instanceof HairpinError ? 1 : 2;
  }
}

inlineFurther();
process.exitCode = await main(process.argv.slice(2));
// Everything has been stopped. A request to a server that hangs may still hold the process, but not for long.
setTimeout(() => process.exit(), EXIT_MS_MAX).unref();
