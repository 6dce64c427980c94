// The arguments of a command: flags, positionals, help.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { DocumentError } from '../schemas/documents.ts';

export interface ParsedCommand {
  /** Undefined when help was requested and has been printed. */
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>> | undefined;
  readonly positionals: readonly string[];
}

/** Parses the arguments of a command, or prints `help` on request. Throws a DocumentError for unknown flags. */
export function parseCommand(args: readonly string[], options: ParseArgsOptionsConfig, help: string): ParsedCommand {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    if (!values['help']) return { values, positionals };
  } catch (error) {
    throw usageError(`${(error as Error).message}; --help lists what is known`, help);
  }
  process.stdout.write(help);
  return { values: undefined, positionals: [] };
}

export function usageError(message: string, help: string): DocumentError {
  return new DocumentError('command line', [{ path: '', message: `${message}\nusage: ${help.split('\n')[0]}` }]);
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
