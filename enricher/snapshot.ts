// The documents, compiled into tables that a record only has to look up. A snapshot is made whole beside the one in use
// and takes its place between two batches.

import { type Applications, applicationsChecker } from '../schemas/applications.ts';
import { type ExporterRegistry, exporterRegistryChecker } from '../schemas/exporters.ts';
import { type Inventory, inventoryChecker } from '../schemas/inventory.ts';
import { type AccessTable, compileAccess } from './access.ts';
import { type ApplicationTable, compileApplications } from './applications.ts';
import { compileExporters, type ExporterTable } from './exporter-table.ts';
import { compileTopology, type Topology } from './topology.ts';

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

export interface Snapshot {
  readonly asOfMs: number;
  readonly topology: Topology;
  readonly applications: ApplicationTable;
  readonly exporters: ExporterTable;
  readonly access: AccessTable;
}

export function compileSnapshot(documents: Documents): Snapshot {
  const topology = compileTopology(documents.inventory);
  return {
    asOfMs: Date.parse(documents.inventory.asOf),
    topology,
    applications: compileApplications(documents.applications),
    exporters: compileExporters(documents.exporters),
    access: compileAccess(documents.inventory, topology, documents.exporters),
  };
}
