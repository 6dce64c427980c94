// The three documents that describe an installation, together.

import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { type ExporterRegistry, exporterRegistryChecker } from '../../schemas/exporters.ts';
import { type Inventory, inventoryChecker } from '../../schemas/inventory.ts';

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
