// The table of scenarios in benchmarks/simulation/SCENARIOS.md, made of the list itself.

import { SIMULATED } from './scenarios/scenarios.ts';

const PROMISES = {
  exact: 'every byte that a meter saw, once',
  sampled: 'values lie in their intervals',
  partial: 'what was lost or silent cannot be known',
} as const;

export function scenariosDocument(): string {
  const rows = SIMULATED.map(({ name, about, promise }) => `| \`${name}\` | ${about} | ${PROMISES[promise]} |`);
  return `# Scenarios

Made from \`scenarios/\`; \`npm test -- benchmarks/simulation --update\` writes it again. \`hairpin load --scenario NAME\` plays one.

| scenario | what it is about | what an answer must hold |
| --- | --- | --- |
${rows.join('\n')}
`;
}
