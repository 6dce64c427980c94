// Files with documents: what kind of document is in one, and what it lists. The keys of a document show its kind.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { alertRulesChecker } from '../query-api/alerts/rule-check.ts';
import { applicationsChecker } from '../schemas/applications.ts';
import { type Checker, YAML_OPTIONS } from '../schemas/documents.ts';
import { exporterRegistryChecker } from '../schemas/exporters.ts';
import { inventoryChecker } from '../schemas/inventory.ts';

export type FileKind = 'inventory' | 'exporters' | 'applications' | 'alerts';

export interface DocumentFile {
  readonly file: string;
  readonly text: string;
  readonly kind: FileKind;
}

export const TITLES: Readonly<Record<FileKind, string>> = {
  inventory: 'inventory',
  exporters: 'exporter registry',
  applications: 'applications document',
  alerts: 'document of alert rules',
};

export const CHECKERS: Readonly<Record<FileKind, Checker<unknown>>> = {
  inventory: inventoryChecker,
  exporters: exporterRegistryChecker,
  applications: applicationsChecker,
  alerts: alertRulesChecker,
};

/** Undefined, and printed why, where the file cannot be read. */
export function readDocument(file: string): DocumentFile | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return { file, text, kind: kindOf(text) };
  } catch (error) {
    process.stderr.write(`${file} cannot be read: ${(error as Error).message}\n`);
    return undefined;
  }
}

/** An unreadable text goes to the inventory's checker, which reports the line of the mistake. */
function kindOf(text: string): FileKind {
  let keys: string[] = [];
  try {
    keys = Object.keys((parseFast(text) as object | null) ?? {});
  } catch {
    // Reported by the checker.
  }
  if (keys.includes('applications') || keys.includes('internal')) return 'applications';
  if (keys.includes('rules')) return 'alerts';
  return keys.includes('exporters') ? 'exporters' : 'inventory';
}

/** The YAML parser takes minutes for a large inventory in JSON. */
function parseFast(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return parse(text, YAML_OPTIONS);
  }
}
