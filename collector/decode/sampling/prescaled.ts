// Exporters that multiply their counters by the sampling rate before they send them, known by their templates. What they
// say must not be scaled again; the rate itself they do not report.

import type { TemplateField } from '../templated/field.ts';

/** VMware's enterprise number: vSphere distributed switches (880 to 890), Open vSwitch tunnels (891 to 897), NSX (898). */
const VMWARE = 6876;
const VMWARE_FIRST = 880;
const VMWARE_LAST = 898;

/** The fields every template of Open vSwitch starts with, as element and length; no other exporter is known to. */
const OPEN_VSWITCH = [
  [138, 4],
  [61, 1],
  [56, 6],
  [80, 6],
  [256, 2],
  [240, 1],
] as const;

export function isPrescaled(fields: readonly TemplateField[]): boolean {
  if (fields.some(({ pen, id }) => pen === VMWARE && id >= VMWARE_FIRST && id <= VMWARE_LAST)) return true;
  return OPEN_VSWITCH.every(([id, length], i) => {
    const field = fields[i];
    return field?.pen === 0 && field.id === id && field.length === length;
  });
}
