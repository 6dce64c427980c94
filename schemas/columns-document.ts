// docs/COLUMNS.md, made of the column lists; schemas/columns.test.ts writes it and fails when it has drifted.

import { COLLECTOR_COLUMNS } from './collector-minute.ts';
import { type Column, clickhouseType } from './columns.ts';
import { EXPORTER_COLUMNS } from './exporter-minute.ts';
import { FLOW_COLUMNS } from './flow.ts';
import { INTERFACE_COLUMNS } from './interface-minute.ts';

export function columnsDocument(): string {
  return `# Columns

One name in every layer: \`hairpin decode\`, the batch, Arrow, ClickHouse and the API. Made from \`schemas/flow.ts\`,
\`schemas/exporter-minute.ts\`, \`schemas/interface-minute.ts\` and \`schemas/collector-minute.ts\`; \`npm test -- schemas --update\` writes it again. Numbers among the sources are elements of the
[IANA registry](https://www.iana.org/assignments/ipfix/ipfix.xhtml); an enumerated column holds the code. What a column reveals
decides who may read it: \`nothing\` and \`application\` the role \`matrix\`, \`infrastructure\` the role \`read\`, \`address\` the role \`records\`.

## Flow records, as decoded

${table(FLOW_COLUMNS.filter(({ stage }) => stage === 'decoded'))}

## Flow records, added by the enricher

${table(FLOW_COLUMNS.filter(({ stage }) => stage === 'enriched'))}

## Exporters, one row per exporter, domain, protocol and minute

${table(EXPORTER_COLUMNS)}

## Interfaces, one row per exporter, sub-agent, interface and minute

${table(INTERFACE_COLUMNS)}

## Collectors, one row per collector and minute

The table has \`collector\` (its \`--collector-id\`) beside them, and a row for each partition of Kafka that carried the minute
(\`share\` of \`shares\`). Everything that was received in a minute is stored once all of its rows are.

${table(COLLECTOR_COLUMNS)}
`;
}

function table(columns: readonly Column[]): string {
  const rows = columns.map(column =>
    [
      `\`${column.name}\``,
      clickhouseType(column),
      column.about,
      column.source,
      column.reveals,
      column.codes?.map((name, code) => `${code} ${name}`).join(', ') ?? '',
    ].map(text => text.replaceAll('|', '\\|')),
  );
  return [['Name', 'Type', 'Meaning', 'Source', 'Reveals', 'Codes'], Array<string>(6).fill('---'), ...rows]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n');
}
