// `hairpin verify`

import { verify as compareWithTruth } from '../benchmarks/verify/verify.ts';
import { authorization, readToken, TOKEN_FILE } from './api-token.ts';
import { numberFlag, parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin verify --truth FILE [--api URL] [--tolerance SHARE]

Compares the matrix of a running Hairpin with the truth that \`load\` or \`demo\` wrote: unsampled cells must be equal to the
byte, sampled cells must lie within their stated interval. Prints the worst cells. Exit code 0 when all cells agree.

  --truth FILE       the truth
  --api URL          address of Hairpin [http://127.0.0.1:8080]
  --tolerance SHARE  relative difference allowed for unsampled cells [0]
${TOKEN_FILE}
`;

export async function verify(args: readonly string[]): Promise<number> {
  const { values } = parseCommand(
    args,
    {
      truth: { type: 'string' },
      api: { type: 'string', default: 'http://127.0.0.1:8080' },
      tolerance: { type: 'string', default: '0' },
      'token-file': { type: 'string' },
    },
    HELP,
  );
  if (!values) return 0;
  const { truth, api } = values;
  if (typeof truth !== 'string') throw usageError('--truth FILE is required', HELP);
  const tolerance = numberFlag('tolerance', values['tolerance'], { minimum: 0, maximum: 1 }, HELP);
  const { exitCode } = await compareWithTruth({
    truth,
    api: String(api),
    tolerance,
    headers: authorization(readToken(values['token-file'], HELP)),
    print: line => void process.stdout.write(`${line}\n`),
  });
  return exitCode;
}
