// What held in one epoch of the inventory, compiled into tables that a record only has to look up. `compileSnapshotData` makes
// plain data (typed arrays, texts, small lists) where the documents are; `openSnapshot` wraps them where records are
// enriched, which takes no work that grows with the inventory.

import type { ExporterRegistry, RegisteredExporter } from '../../schemas/exporters.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { ApplicationTable, compileApplications } from '../applications/applications.ts';
import { type AccessTable, compileAccess } from '../model/access.ts';
import type { Documents } from '../model/documents.ts';
import {
  compileExporterContext,
  type ExporterContext,
  type ExporterContextData,
  openExporterContext,
} from '../model/exporter-context.ts';
import { compileExporters, type ExporterTable } from '../model/exporter-table.ts';
import { type Merged, mergedOf } from '../model/merge.ts';
import { openTopology, type Topology, type TopologyData } from '../model/topology.ts';
import { compileTopology } from '../model/topology-compiler.ts';
import { addStations } from '../sources/stations.ts';

export interface SnapshotData {
  readonly asOfMs: number;
  readonly topology: TopologyData;
  readonly exporterContext: ExporterContextData;
  readonly access: AccessTable;
  readonly registry: ExporterRegistry;
}

export interface Snapshot {
  /** The newest snapshot document that it rests on; 1970 when there was none. */
  readonly asOfMs: number;
  readonly topology: Topology;
  readonly exporterContext: ExporterContext;
  readonly applications: ApplicationTable;
  readonly exporters: ExporterTable;
  readonly access: AccessTable;
}

export interface SnapshotOptions {
  /** What exporters reported of stations and VRFs. */
  readonly facts?: readonly StoredFact[];
  /** Which registered exporters cover nothing; nobody when left out. */
  readonly isSilent?: (exporter: RegisteredExporter) => boolean;
  /** Compiled from the same with other silent exporters, from which the access table alone follows. */
  readonly sibling?: SnapshotData | undefined;
}

export function compileSnapshotData(
  documented: Merged,
  registry: ExporterRegistry,
  { facts = [], isSilent = () => false, sibling }: SnapshotOptions = {},
): SnapshotData {
  const merged = addStations(documented, facts);
  const isSilentNumber = (number: number) => isSilent(registry.exporters[number - 1]!);
  if (sibling) return { ...sibling, access: compileAccess(merged, sibling.topology, registry, isSilentNumber) };
  const topology = compileTopology(merged);
  return {
    asOfMs: merged.sources.reduce((newest, { asOfMs }) => Math.max(newest, asOfMs), 0),
    topology,
    exporterContext: compileExporterContext(merged, topology, registry, facts),
    access: compileAccess(merged, topology, registry, isSilentNumber),
    registry,
  };
}

/** Applications hold for all time: one table serves every epoch. */
export function openSnapshot(data: SnapshotData, applications: ApplicationTable): Snapshot {
  return {
    asOfMs: data.asOfMs,
    topology: openTopology(data.topology),
    exporterContext: openExporterContext(data.exporterContext),
    applications,
    exporters: compileExporters(data.registry),
    access: data.access,
  };
}

/** One set of documents that holds for all time. */
export function compileSnapshot(documents: Documents, facts: readonly StoredFact[] = []): Snapshot {
  const { inventory, applications, exporters } = documents;
  return openSnapshot(
    compileSnapshotData(mergedOf(inventory), exporters, { facts }),
    new ApplicationTable(compileApplications(applications)),
  );
}
