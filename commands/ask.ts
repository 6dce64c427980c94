// `hairpin ask`: a question to a running Hairpin, answered as a table, or in any format of the API.

import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { createClient, type HairpinClient, ProblemError, UnreachableError } from '../client/client.ts';
import { HairpinError } from '../service/errors.ts';
import { readToken, TOKEN_FILE } from './api-token.ts';
import { type Asked, type Query, type Question, questionsOf, readSentence, USAGE } from './ask-sentence.ts';
import { aboutText, tableText } from './ask-table.ts';
import { parseCommand, usageError } from './command-line.ts';

const FORMATS = ['table', 'json', 'jsonl', 'csv', 'arrow', 'parquet'] as const;
type Format = (typeof FORMATS)[number];
const BINARY: readonly Format[] = ['arrow', 'parquet'];

const HELP = `${USAGE}

Asks a running Hairpin, and prints the answer as a table. The words behind the question are its parameters, as in the API;
"last 7d" is "from now-7d", and what follows "where" is the filter (docs/FILTERS.md). Put names with blanks into double
quotes. A parameter that takes several values is repeated. Unit, window and quality of the table go to stderr.

  hairpin ask 'matrix by app last 7d where locality = cross-rack'
  hairpin ask 'top by service last 24h limit 5' --format csv
  hairpin ask --list            the questions of this Hairpin
  hairpin ask --list matrix     the parameters of one

  --format F         ${FORMATS.join(', ')} [table]
  --output FILE      write the answer there
  --list             list questions, or the parameters of one
  --api URL          address of Hairpin [http://127.0.0.1:8080]
${TOKEN_FILE}
`;

const FLAGS = {
  format: { type: 'string', default: 'table' },
  output: { type: 'string' },
  list: { type: 'boolean', default: false },
  api: { type: 'string', default: 'http://127.0.0.1:8080' },
  'token-file': { type: 'string' },
} as const;

export async function ask(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, FLAGS, HELP);
  if (!values) return 0;
  const { api, list, output } = values;
  const format = FORMATS.find(name => name === values['format']);
  if (!format) throw usageError(`--format is one of ${FORMATS.join(', ')}`, HELP);
  const sentence = positionals.join(' ');
  if (sentence === '' && list !== true) throw usageError('a question is required', HELP);
  if (BINARY.includes(format) && output === undefined && process.stdout.isTTY)
    throw usageError(`${format} is not for a terminal: name a file with --output`, HELP);
  const client = createClient({ api: String(api), token: readToken(values['token-file'], HELP) });
  try {
    const questions = questionsOf(await read(client, '/docs/json', {}).then(response => response.json()));
    if (list === true) process.stdout.write(listed(questions, sentence));
    else await answer(client, readSentence(sentence, questions), format, output as string | undefined);
    return 0;
  } catch (error) {
    if (error instanceof ProblemError) throw new HairpinError('QUESTION_INVALID', error.message, error);
    if (error instanceof UnreachableError)
      throw new HairpinError(
        'API_UNREACHABLE',
        `${error.message}; start Hairpin, or name its address with --api`,
        error,
      );
    throw error;
  }
}

/** Any path: the types of the client are those of one version, and the server may be another. */
async function read(client: HairpinClient, path: string, query: Query): Promise<Response> {
  const options = { params: { query }, parseAs: 'stream' } as never;
  return (await client.request('get', path as never, options)).response as Response;
}

async function answer(client: HairpinClient, { question, query }: Asked, format: Format, output: string | undefined) {
  const hasTables = question.parameters.some(({ name }) => name === 'format');
  if (!hasTables && !['table', 'json'].includes(format))
    throw usageError(`${question.name} is not answered as a table: --format json`, HELP);
  if (!hasTables || format === 'json') {
    const response = await read(client, `/api/v1/${question.name}`, query);
    return write([`${JSON.stringify(await response.json(), undefined, 2)}\n`], output);
  }
  const asked = format === 'table' ? 'jsonl' : format;
  const response = await read(client, `/api/v1/${question.name}`, { ...query, format: asked });
  if (format !== 'table') return write(Readable.fromWeb(response.body as ReadableStream), output);
  await write([tableText(await response.text())], output);
  process.stderr.write(aboutText(response.headers.get('hairpin-about')));
}

async function write(pieces: Iterable<string> | Readable, output: string | undefined): Promise<void> {
  if (output !== undefined) return pipeline(pieces, createWriteStream(output));
  await pipeline(pieces, process.stdout, { end: false });
}

function listed(questions: readonly Question[], name: string): string {
  const lines = name === '' ? questions : readSentence(name, questions).question.parameters;
  const width = Math.max(...lines.map(line => line.name.length));
  return lines
    .map(line => `${line.name.padEnd(width)}  ${'summary' in line ? line.summary : line.description}`.trimEnd())
    .map(line => `${line}\n`)
    .join('');
}
