// Every scenario by name: one for each quirk of exporters, of switching and of failure.

import { CHANGES } from './changes.ts';
import { METERS } from './meters.ts';
import { NETWORK } from './network.ts';
import type { Scenario } from './plan.ts';
import { SAMPLING } from './sampling.ts';
import { SWITCHING } from './switching.ts';
import { VSWITCHES } from './vswitches.ts';

export const SIMULATED: readonly Scenario[] = [
  ...SWITCHING,
  ...VSWITCHES,
  ...NETWORK,
  ...METERS,
  ...CHANGES,
  ...SAMPLING,
];

export function scenarioOf(name: string): Scenario {
  const found = SIMULATED.find(scenario => scenario.name === name);
  if (!found) throw new Error(`no scenario "${name}"`);
  return found;
}
