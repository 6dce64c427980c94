// Every version of an export protocol, once: how it is recognised and named, what its sequence number counts, what its
// records describe. Loss, the exporters' health, the election, meters, the start banner, the console and the documents follow
// from these rows. Stored rows keep a protocol as its place in the list: append only, and never reuse a place.

interface ProtocolRow {
  /** In documents, the API and stored rows. */
  readonly name: string;
  /** For people: `NetFlow` and `v9`. */
  readonly family: string;
  readonly version: string;
  /** The first bytes of each datagram in hexadecimal; left out where a datagram does not name its protocol. */
  readonly opens?: string;
  /** What divides an exporter into observation domains. */
  readonly domain: string;
  /** What its sequence number counts: loss is in this unit. */
  readonly sequence: 'datagrams' | 'records' | 'nothing';
  /** Whether answers add what was lost. The sample pool of sFlow has it already. */
  readonly lossAdjusted: boolean;
  /** Whether records need a template, which an exporter's state keeps. */
  readonly templates: boolean;
  /** Whether tags are those of the frame where it was metered; other records have those it arrived with. */
  readonly sampledHeader: boolean;
  /** Whether it describes the inner packet of a tunnel unless the registry says otherwise. */
  readonly readsTunnels: boolean;
  /** Whether a record is of a flow that was kept until it ended or timed out, and not of one packet. */
  readonly flowCache: boolean;
}

// biome-ignore format: one line a kind
const flowRecords = { lossAdjusted: true, templates: false, sampledHeader: false, readsTunnels: false, flowCache: true } as const;
// biome-ignore format: one line a kind
const samples = { lossAdjusted: false, templates: false, sampledHeader: true, readsTunnels: true, flowCache: false } as const;

// biome-ignore format: one line a protocol
export const PROTOCOL_ROWS = [
  { name: 'unknown', family: 'unknown', version: '', domain: '', sequence: 'nothing', ...flowRecords, lossAdjusted: false },
  { name: 'netflow1', family: 'NetFlow', version: 'v1', opens: '0001', domain: '', sequence: 'nothing', ...flowRecords, lossAdjusted: false },
  { name: 'netflow5', family: 'NetFlow', version: 'v5', opens: '0005', domain: 'engine', sequence: 'records', ...flowRecords },
  { name: 'netflow7', family: 'NetFlow', version: 'v7', opens: '0007', domain: '', sequence: 'records', ...flowRecords },
  { name: 'netflow8', family: 'NetFlow', version: 'v8', opens: '0008', domain: 'engine and aggregation', sequence: 'records', ...flowRecords },
  { name: 'netflow9', family: 'NetFlow', version: 'v9', opens: '0009', domain: 'source id', sequence: 'datagrams', ...flowRecords, templates: true },
  { name: 'ipfix', family: 'IPFIX', version: '', opens: '000a', domain: 'observation domain id', sequence: 'records', ...flowRecords, templates: true },
  { name: 'sflow5', family: 'sFlow', version: 'v5', opens: '00000005', domain: 'sub-agent id', sequence: 'datagrams', ...samples },
  { name: 'netflow6', family: 'NetFlow', version: 'v6', opens: '0006', domain: 'engine', sequence: 'records', ...flowRecords },
  { name: 'sflow4', family: 'sFlow', version: 'v4', opens: '00000004', domain: '', sequence: 'datagrams', ...samples },
  { name: 'sflow2', family: 'sFlow', version: 'v2', opens: '00000002', domain: '', sequence: 'datagrams', ...samples },
  { name: 'mirror', family: 'mirrored frames', version: '', domain: 'ERSPAN session or VNI', sequence: 'datagrams', ...samples, sampledHeader: false },
] as const satisfies readonly ProtocolRow[];

type Row = (typeof PROTOCOL_ROWS)[number];
export type Protocol = Row['name'];
/** Those that a datagram is recognised as by its first bytes. */
export type DatagramProtocol = Extract<Row, { opens: string }>['name'];

/** Names by code. */
export const PROTOCOLS: readonly Protocol[] = PROTOCOL_ROWS.map(({ name }) => name);

/** The row of a code; one that is not known here has the row `unknown`. */
export function protocolRow(code: number): ProtocolRow & { readonly name: Protocol } {
  return PROTOCOL_ROWS[code] ?? PROTOCOL_ROWS[0];
}

/** Codes of the protocols that `has` holds for. */
export function protocolCodes(has: (row: ProtocolRow) => boolean): number[] {
  return PROTOCOL_ROWS.flatMap((row, code) => (has(row) ? [code] : []));
}

/** `NetFlow v1, v5 and v9, IPFIX`: those that `has` holds for, in the order of their versions. */
export function protocolTitles(has: (row: ProtocolRow) => boolean = ({ opens }) => opens !== undefined): string {
  const families = Map.groupBy(PROTOCOL_ROWS.filter(has), ({ family }) => family);
  return [...families]
    .map(([family, rows]) => `${family} ${inWords(rows.map(({ version }) => version).sort(byNumber))}`.trim())
    .join(', ');
}

/** `NetFlow v5 and v6: engine, IPFIX: observation domain id`. */
export function domainTitles(): string {
  const rows = PROTOCOL_ROWS as readonly ProtocolRow[];
  const domains = [...new Set(rows.map(({ domain }) => domain))].filter(domain => domain !== '');
  return domains.map(domain => `${protocolTitles(row => row.domain === domain)}: ${domain}`).join('; ');
}

/** v5 before v11. */
const byNumber = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });

function inWords(texts: readonly string[]): string {
  return texts.length < 2 ? texts.join() : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}
