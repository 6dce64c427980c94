// Which pairs of attachments some live meter sees, and which need no bridge outside their host: the election's own rules,
// asked of attachments instead of records. Attachments stand for all vNICs that hang on the network alike, so that pairs of
// VMs can be counted without walking over them.

import { attachmentVisibility, type PairVisibility } from '../../enricher/election/election-rule.ts';
import { compileAccess } from '../../inventory/model/access.ts';
import { ATTACHMENT } from '../../inventory/model/attachments.ts';
import type { Merged } from '../../inventory/model/merge.ts';
import type { Topology } from '../../inventory/model/topology.ts';
import type { ExporterRegistry, RegisteredExporter } from '../../schemas/exporters.ts';

export interface Visibility {
  /** Attachment number by owner, 0 for one whose place is not known. */
  readonly idOf: Uint32Array;
  /** Only attachments of one component, which is not 0, may be host-internal. */
  componentOf(attachment: number): number;
  /** What would be seen of packets from one attachment to another; 0 stands for somewhere that meters nothing. */
  pair(source: number, destination: number): PairVisibility;
}

/** `topology` is what was compiled from `inventory`; `isSilent` says which registered exporters cover nothing. */
export function compileVisibility(
  inventory: Merged,
  topology: Topology,
  registry: ExporterRegistry,
  isSilent: (exporter: RegisteredExporter) => boolean,
): Visibility {
  const access = compileAccess(inventory, topology, registry, number => isSilent(registry.exporters[number - 1]!));
  return {
    idOf: access.idOf,
    componentOf: attachment => access.attachments[attachment * ATTACHMENT.words + ATTACHMENT.component]!,
    pair: (source, destination) => attachmentVisibility(access, source, destination),
  };
}
