// Inventory, applications and exporter registry from their files. Read at start, where a fault is fatal, and again when
// they change, where it is not: the version in force stays until a good one comes. After a restart of the thread a fault
// is not fatal either, and the version recorded last takes the place of the one that was in force. Editors replace files by rename and
// network file systems report nothing, so the folder is watched and each file is looked at once a second besides.

import { hash } from 'node:crypto';
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { applicationsChecker } from '../../schemas/applications.ts';
import { type Checker, DocumentError, type Fault } from '../../schemas/documents.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import type { Counters } from '../../service/counters.ts';
import type { Log } from '../../service/log.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import type { InventoryThreadConfiguration } from '../configuration.ts';
import type { INVENTORY_COUNTERS } from '../counters.ts';
import { type Documents, NO_DOCUMENTS } from '../model/documents.ts';

export const DOCUMENT_KINDS = ['inventory', 'applications', 'exporters'] as const;
export type DocumentKind = (typeof DOCUMENT_KINDS)[number];

const CHECKERS: { readonly [K in DocumentKind]: Checker<Documents[K]> } = {
  inventory: inventoryChecker,
  applications: applicationsChecker,
  exporters: exporterRegistryChecker,
};
const LOGGED_FAULTS_MAX = 20;
const POLL_MS = 1000;

/** Bodies of versions that were in force, by kind. */
export type RecordedDocuments = ReadonlyMap<string, string>;

export interface DocumentDependencies {
  readonly log: Log;
  readonly counters: Counters<typeof INVENTORY_COUNTERS>;
  /** Called for each version that comes into force, those of the start included. */
  readonly onVersion: (version: DocumentVersion) => void;
  /** Called when the documents in force have changed, once after start. */
  readonly onChange: (documents: Documents) => void;
  readonly pollMs?: number;
  /** When a version came, and what lies in the future; the wall clock when left out. */
  readonly nowMs?: () => number;
}

export class DocumentFiles {
  readonly #paths: Pick<InventoryThreadConfiguration, DocumentKind>;
  readonly #dependencies: DocumentDependencies;
  readonly #kinds: readonly DocumentKind[];
  readonly #nowMs: () => number;
  readonly #errors = new Map<DocumentKind, DocumentError>();
  /** What stat said of the file last looked at, and the SHA-256 of the text in force. */
  readonly #stamps = new Map<DocumentKind, string>();
  readonly #inForce = new Map<DocumentKind, string>();
  #documents = NO_DOCUMENTS;
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(paths: Pick<InventoryThreadConfiguration, DocumentKind>, dependencies: DocumentDependencies) {
    this.#paths = paths;
    this.#dependencies = dependencies;
    this.#kinds = DOCUMENT_KINDS.filter(kind => paths[kind] !== '');
    this.#nowMs = dependencies.nowMs ?? Date.now;
  }

  get current(): Documents {
    return this.#documents;
  }

  /** Why the newest version of a document is not in force; undefined when it is. */
  lastError(kind: DocumentKind): DocumentError | undefined {
    return this.#errors.get(kind);
  }

  /**
   * Reads every document and begins to watch; throws one DocumentError with every fault of all of them. With `recorded`
   * it does not throw: a document that is refused is replaced by its recorded version, or left out.
   */
  start(recorded?: RecordedDocuments): void {
    const { counters, onChange, pollMs = POLL_MS } = this.#dependencies;
    const faults: Fault[] = [];
    for (const kind of this.#kinds) {
      try {
        this.#read(kind);
        counters.add(`${kind}Accepted`);
      } catch (error) {
        if (!(error instanceof DocumentError)) throw error;
        if (recorded) this.#refuse(kind, error, this.#useRecorded(kind, recorded.get(kind)));
        else
          faults.push(...error.faults.map(fault => ({ ...fault, path: `${this.#paths[kind]} ${fault.path}`.trim() })));
      }
    }
    if (faults.length > 0) throw new DocumentError('what is configured', faults);
    onChange(this.#documents);
    for (const folder of new Set(this.#kinds.map(kind => dirname(this.#paths[kind]))))
      this.#watchers.push(...watchFolder(folder, () => this.#reread()));
    if (this.#kinds.length > 0) this.#timer = setInterval(() => this.#reread(), pollMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #reread(): void {
    const { log, counters, onChange } = this.#dependencies;
    let changed = false;
    for (const kind of this.#kinds) {
      try {
        const found = this.#read(kind);
        if (found === 'untouched') continue;
        this.#errors.delete(kind);
        counters.set(`${kind}Stale`, 0);
        if (found === 'same') continue;
        changed = true;
        counters.add(`${kind}Accepted`);
        log.info({ file: this.#paths[kind] }, `a new version of the ${kind} document is in force`);
      } catch (error) {
        if (!(error instanceof DocumentError)) throw error;
        this.#refuse(kind, error, 'the version in force stays');
      }
    }
    if (changed) onChange(this.#documents);
  }

  /** Reads a document if its file changed. Throws a DocumentError. */
  #read(kind: DocumentKind): 'untouched' | 'same' | 'new' {
    const path = this.#paths[kind];
    const stamp = stampOf(path);
    if (this.#stamps.get(kind) === stamp) return 'untouched';
    this.#stamps.set(kind, stamp);
    const text = readText(kind, path);
    const digest = hash('sha256', text);
    if (this.#inForce.get(kind) === digest) return 'same';
    const document = parse(kind, path, text);
    if (kind === 'inventory') refuseFuture(path, document as Documents['inventory'], this.#nowMs());
    this.#documents = { ...this.#documents, [kind]: document };
    this.#inForce.set(kind, digest);
    const { inventory } = this.#documents;
    this.#dependencies.onVersion({
      kind,
      recordedAtMs: this.#nowMs(),
      asOfMs: kind === 'inventory' ? Date.parse(inventory.asOf) : 0,
      source: kind === 'inventory' ? inventory.source : path,
      body: JSON.stringify(document),
    });
    return 'new';
  }

  #refuse(kind: DocumentKind, error: DocumentError, consequence: string): void {
    const { log, counters } = this.#dependencies;
    this.#errors.set(kind, error);
    counters.add(`${kind}Refused`);
    counters.set(`${kind}Stale`, 1);
    const [first] = error.faults;
    const more =
      error.faults.length > LOGGED_FAULTS_MAX ? `\n  and ${error.faults.length - LOGGED_FAULTS_MAX} more` : '';
    const message = error.message
      .split('\n')
      .slice(0, LOGGED_FAULTS_MAX + 1)
      .join('\n');
    log.error({ file: this.#paths[kind], line: first?.line }, `${message}${more}\n  ${consequence}`);
  }

  /** Puts the recorded version in force, and returns what is in force now. */
  #useRecorded(kind: DocumentKind, body: string | undefined): string {
    if (body !== undefined) {
      try {
        this.#documents = { ...this.#documents, [kind]: parse(kind, 'recorded.json', body) };
        return 'the version recorded last is in force';
      } catch (error) {
        if (!(error instanceof DocumentError)) throw error;
      }
    }
    return `no ${kind} document is in force`;
  }
}

/** Clocks of sources may be ahead by so much. */
const AHEAD_MS_MAX = 300_000;

function refuseFuture(path: string, { asOf }: Documents['inventory'], now: number): void {
  if (Date.parse(asOf) <= now + AHEAD_MS_MAX) return;
  const message = `"${asOf}" lies in the future: it is ${new Date(now).toISOString()} here; set the clock of the source`;
  throw new DocumentError(`inventory document ${path}`, [{ path: '/asOf', message }]);
}

/** Files are written in several steps: a change is read once the folder was quiet for so long. */
const QUIET_MS = 50;

/** A watcher, or none where the system has no more to give: then the poll alone finds changes. */
function watchFolder(folder: string, changed: () => void): FSWatcher[] {
  try {
    let quiet: NodeJS.Timeout | undefined;
    const watcher = watch(folder, { persistent: false }, () => {
      clearTimeout(quiet);
      quiet = setTimeout(changed, QUIET_MS).unref();
    });
    watcher.on('close', () => clearTimeout(quiet));
    watcher.on('error', () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}

/** What cannot be looked at has its error as stamp: reading it then fails, and is refused, once. */
function stampOf(path: string): string {
  try {
    const stat = statSync(path);
    return `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

function readText(kind: DocumentKind, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new DocumentError(`${kind} document ${path}`, [
      { path: '', message: `cannot be read: ${(error as Error).message}` },
    ]);
  }
}

function parse<K extends DocumentKind>(kind: K, path: string, text: string): Documents[K] {
  const name = `${kind} document ${path}`;
  try {
    return CHECKERS[kind].parse(name, text);
  } catch (error) {
    if (error instanceof DocumentError) throw error;
    // The YAML parser refuses some texts by throwing, such as aliases that multiply without end.
    throw new DocumentError(name, [{ path: '', message: (error as Error).message }]);
  }
}
