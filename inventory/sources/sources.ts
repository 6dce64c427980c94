// The sources of the inventory, in the order in which they start: what is recorded first, since files may be older.

import { FactSource } from './fact-source.ts';
import { FileSource } from './file-source.ts';
import { LivenessSource } from './liveness-source.ts';
import { RecordedSource } from './recorded-source.ts';
import type { InventorySource, SourceContext } from './source.ts';

export interface Sources {
  readonly all: readonly InventorySource[];
  readonly facts: FactSource;
}

export function openSources(context: SourceContext): Sources {
  const recorded = new RecordedSource(context);
  const facts = new FactSource(context);
  return { all: [recorded, new FileSource(context, recorded), new LivenessSource(context), facts], facts };
}
