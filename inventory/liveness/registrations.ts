// Which exporters are registered, and since when without a break: from the versions of the registry that are recorded.

import { type ExporterRegistry, exporterRegistryChecker, type RegisteredExporter } from '../../schemas/exporters.ts';
import type { Storage } from '../../storage/storage.ts';
import { type ExporterKey, keyOf, keyText } from '../model/liveness.ts';
import { bodyOf, type RecordedVersion, registriesVersion, versionsSince } from '../sources/recorded.ts';

export interface Registration {
  readonly key: ExporterKey;
  readonly entry: RegisteredExporter;
  readonly sinceMs: number;
}

interface Version {
  readonly fromMs: number;
  readonly registry: ExporterRegistry;
}

/** Reads each recorded version once. */
export class Registrations {
  readonly #storage: Storage;
  readonly #read = new Map<string, Version>();
  #versions: readonly Version[] = [];
  /** Of which versions `#versions` are. */
  #recorded = '';
  #found: { readonly versions: readonly Version[]; readonly registrations: Registration[] } | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** What the registry in force at a moment lists. The versions are looked through when one was recorded or begins to hold. */
  async at(nowMs: number): Promise<Registration[]> {
    const recorded = await registriesVersion(this.#storage);
    if (recorded !== this.#recorded) {
      this.#versions = await this.#readAll();
      this.#recorded = recorded;
    }
    const versions = this.#versions.filter(({ fromMs }) => fromMs <= nowMs);
    const isSame =
      this.#found?.versions.length === versions.length && versions.every((one, i) => one === this.#found!.versions[i]);
    if (!isSame) this.#found = { versions, registrations: registrationsOf(versions) };
    return this.#found!.registrations;
  }

  async #readAll(): Promise<Version[]> {
    const recorded = (await versionsSince(this.#storage, 0)).filter(({ kind }) => kind === 'exporters');
    const names = new Set(recorded.map(nameOf));
    for (const name of this.#read.keys()) if (!names.has(name)) this.#read.delete(name);
    const versions: Version[] = [];
    for (const version of recorded) {
      const read = this.#read.get(nameOf(version)) ?? (await this.#readOne(version));
      if (read) versions.push(read);
    }
    return versions;
  }

  async #readOne(version: RecordedVersion): Promise<Version | undefined> {
    const body = await bodyOf(this.#storage, version);
    if (body === undefined) return undefined;
    const registry = exporterRegistryChecker.restore(body);
    const fromMs = registry.asOf === undefined ? version.recordedAtMs : Date.parse(registry.asOf);
    const read = { fromMs, registry };
    this.#read.set(nameOf(version), read);
    return read;
  }
}

function nameOf({ source, asOfMs, recordedAtMs }: RecordedVersion): string {
  return `${source} ${asOfMs} ${recordedAtMs}`;
}

/** Of versions in the order they were recorded, those of equal time replaced by the last; the newest one is in force. */
export function registrationsOf(versions: readonly Version[]): Registration[] {
  const ordered = [...versions].sort((a, b) => a.fromMs - b.fromMs);
  let known = new Map<string, Registration>();
  for (const { fromMs, registry } of ordered) {
    const before = known;
    known = new Map(
      registry.exporters.map(entry => {
        const key = keyOf(entry);
        return [keyText(key), { key, entry, sinceMs: before.get(keyText(key))?.sinceMs ?? fromMs }];
      }),
    );
  }
  return [...known.values()];
}
