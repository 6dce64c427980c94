// What held in one epoch of the inventory, compiled into tables that a record only has to look up. `compileSnapshotData` makes
// plain data (typed arrays, texts, small lists) where the documents are; `openSnapshot` wraps them where records are
// enriched, which takes no work that grows with the inventory.

import { type Applications, applicationsChecker } from '../schemas/applications.ts';
import { type ExporterRegistry, exporterRegistryChecker } from '../schemas/exporters.ts';
import { type Inventory, inventoryChecker } from '../schemas/inventory.ts';
import type { StoredFact } from '../storage/tables/facts.ts';
import { type AccessTable, compileAccess } from './access.ts';
import { type ApplicationTable, compileApplications, openApplications } from './applications.ts';
import { compileExporters, type ExporterTable } from './exporter-table.ts';
import { type Merged, mergedOf } from './knowledge/merge.ts';
import { addStations } from './stations.ts';
import { compileTopology, openTopology, type Topology, type TopologyData } from './topology.ts';
import { compileVantage, openVantage, type Vantage, type VantageData } from './vantage.ts';

export interface Documents {
  readonly inventory: Inventory;
  readonly applications: Applications;
  readonly exporters: ExporterRegistry;
}

/** What holds where no document was given: nothing is known, private addresses are inside. */
export const NO_DOCUMENTS: Documents = {
  inventory: inventoryChecker.check('inventory', { source: 'none', asOf: '1970-01-01T00:00:00Z' }),
  applications: applicationsChecker.check('applications', {}),
  exporters: exporterRegistryChecker.check('exporters', {}),
};

export interface SnapshotData {
  readonly asOfMs: number;
  readonly topology: TopologyData;
  readonly vantage: VantageData;
  readonly access: AccessTable;
  readonly registry: ExporterRegistry;
}

export interface Snapshot {
  /** The newest snapshot document that it rests on; 1970 when there was none. */
  readonly asOfMs: number;
  readonly topology: Topology;
  readonly vantage: Vantage;
  readonly applications: ApplicationTable;
  readonly exporters: ExporterTable;
  readonly access: AccessTable;
}

/** `facts`: what exporters told of stations and VRFs. */
export function compileSnapshotData(
  documented: Merged,
  registry: ExporterRegistry,
  facts: readonly StoredFact[] = [],
): SnapshotData {
  const merged = addStations(documented, facts);
  const topology = compileTopology(merged);
  return {
    asOfMs: merged.sources.reduce((newest, { asOfMs }) => Math.max(newest, asOfMs), 0),
    topology,
    vantage: compileVantage(merged, topology, registry, facts),
    access: compileAccess(merged, topology, registry),
    registry,
  };
}

/** Applications hold for all time: one table serves every epoch. */
export function openSnapshot(data: SnapshotData, applications: ApplicationTable): Snapshot {
  return {
    asOfMs: data.asOfMs,
    topology: openTopology(data.topology),
    vantage: openVantage(data.vantage),
    applications,
    exporters: compileExporters(data.registry),
    access: data.access,
  };
}

/** One set of documents that holds for all time. */
export function compileSnapshot(documents: Documents, facts: readonly StoredFact[] = []): Snapshot {
  const { inventory, applications, exporters } = documents;
  return openSnapshot(
    compileSnapshotData(mergedOf(inventory), exporters, facts),
    openApplications(compileApplications(applications)),
  );
}
