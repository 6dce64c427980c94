// The arguments of a command: flags, positionals, help.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { distance } from 'fastest-levenshtein';

export interface ParsedCommand {
  /** Undefined when help was requested and has been printed. */
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>> | undefined;
  readonly positionals: readonly string[];
}

/** Parses the arguments of a command, or prints `help` on request. Throws a UsageError for unknown flags. */
export function parseCommand(args: readonly string[], options: ParseArgsOptionsConfig, help: string): ParsedCommand {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    if (!values['help']) return { values, positionals };
  } catch (error) {
    throw usageError(`${reasonOf(error as ParseError, Object.keys(options))}; --help lists them`, help);
  }
  process.stdout.write(help);
  return { values: undefined, positionals: [] };
}

interface ParseError extends Error {
  readonly code?: string;
}

/** What Node says of arguments, in words of ours; it names the flag in quotes. */
function reasonOf({ code, message }: ParseError, known: readonly string[]): string {
  const flag = /'(-{1,2}[^'\s=]+)/.exec(message)?.[1];
  if (flag === undefined) return message;
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const likely = nearest(flag.replace(/^-+/, ''), known);
    return `${flag} is no flag of this command${likely === undefined ? '' : `; did you mean --${likely}?`}`;
  }
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return message;
  return message.includes('does not take') ? `${flag} takes no value` : `${flag} needs a value`;
}

/** A flag that differs by a third of its letters at most. */
function nearest(flag: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map(name => ({ name, far: distance(flag, name) }))
    .filter(({ name, far }) => far <= name.length / 3)
    .sort((a, b) => a.far - b.far);
  return best?.name;
}

/** The arguments of a command are not as its help says; the exit code is 2. */
export class UsageError extends Error {}

export function usageError(message: string, help: string): UsageError {
  return new UsageError(`${message}\nusage: ${help.split('\n')[0]}`);
}

/** A number from a flag, within limits. */
export function numberFlag(
  name: string,
  text: unknown,
  { minimum, maximum }: { minimum: number; maximum: number },
  help: string,
): number {
  const value = typeof text === 'string' && text.trim() !== '' ? Number(text) : Number.NaN;
  if (Number.isFinite(value) && value >= minimum && value <= maximum) return value;
  throw usageError(`--${name} must be a number from ${minimum} to ${maximum}, is ${String(text)}`, help);
}
