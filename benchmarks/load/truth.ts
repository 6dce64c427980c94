// The truth about a load: what was sent, summed from the generated flows before any exporter saw them. Its schema is
// published, so that other programs can check Hairpin, or anything else, against it.

import { type Static, Type } from 'typebox';
import { documentChecker } from '../../schemas/documents.ts';
import { TCP } from './model/applications.ts';
import { type DataCentre, FABRIC_IF_INDEX } from './model/data-centre.ts';
import { bytesOfPackets, type FlowTable, packetsBefore } from './model/flow-table.ts';
import type { Conversations } from './model/traffic.ts';

const closed = { additionalProperties: false } as const;
const Count = Type.Integer({ minimum: 0 });
const Time = Type.String({ format: 'date-time' });

export const Truth = Type.Object(
  {
    version: Type.Literal(1),
    /** Options of the load, seed included: the same ones give the same traffic. */
    options: Type.Record(Type.String(), Type.Unknown()),
    /** `real`: flows carry the time they were sent at. */
    clock: Type.Literal('real'),
    /** Whole minutes that hold every flow reported here and no other flow of this load. */
    from: Time,
    to: Time,
    flows: Count,
    bytes: Count,
    packets: Count,
    /** The application matrix: bytes are IP bytes sent by src to dst, each packet once. Names are those Hairpin gives. */
    applications: Type.Array(
      Type.Object(
        {
          src: Type.String(),
          dst: Type.String(),
          bytes: Count,
          packets: Count,
          /** 1 in N packets is seen; 1 means that bytes must agree exactly, more that they must lie in an interval. */
          samplingRate: Type.Integer({ minimum: 1 }),
        },
        closed,
      ),
    ),
    /** By pair of endpoints, service and path; `links` are the ports the packets came in by, in order. */
    cells: Type.Array(
      Type.Object(
        {
          src: Type.String(),
          dst: Type.String(),
          service: Type.String(),
          links: Type.Array(Type.String()),
          bytes: Count,
          packets: Count,
          /** By 5 minutes, from the time of each packet; buckets before `bucketsFrom` are left out. */
          buckets: Type.Array(Type.Object({ start: Time, bytes: Count, packets: Count }, closed)),
        },
        closed,
      ),
    ),
    bucketsFrom: Time,
    /** Scenario `numbered`: flow n has bytesBase + n bytes; `sent` are the ranges of n, ends included, that left. */
    numbered: Type.Optional(
      Type.Object(
        { bytesBase: Count, highest: Type.Integer({ minimum: -1 }), sent: Type.Array(Type.Tuple([Count, Count])) },
        closed,
      ),
    ),
    /** What the generator dropped on purpose (`--loss`); it is part of the truth all the same. */
    dropped: Type.Object({ datagrams: Count, records: Count }, closed),
  },
  closed,
);
export type Truth = Static<typeof Truth>;

export const truthChecker = documentChecker(Truth);

/** What the truth holds besides what the flows themselves report. */
export interface TruthContext {
  readonly options: Readonly<Record<string, unknown>>;
  readonly dropped: Truth['dropped'];
  readonly numbered?: Truth['numbered'];
  /** End of the window; the minute after the last flow when left out. */
  readonly toMs?: number;
}

const BUCKET_MS = 300_000;
const MINUTE_MS = 60_000;
/** Samples carry no time: they count when they are received, a little after the packet passed. */
const RECEIPT_MS_MAX = 2000;

interface Sums {
  readonly bytes: Float64Array;
  readonly packets: Float64Array;
}

function createSums(count: number): Sums {
  return { bytes: new Float64Array(count), packets: new Float64Array(count) };
}

export class TruthBook {
  readonly #dataCentre: DataCentre;
  readonly #conversations: Conversations;
  readonly #bucketsMax: number;
  readonly #total: Sums;
  readonly #buckets = new Map<number, Sums>();
  #recentKey = -1;
  #recent: Sums;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  #flows = 0;
  #bytes = 0;
  #bucketsFrom = 0;

  /** `bucketsMax` bounds the memory: with more, the oldest buckets are forgotten; totals are not. */
  constructor(dataCentre: DataCentre, conversations: Conversations, bucketsMax = 300) {
    this.#dataCentre = dataCentre;
    this.#conversations = conversations;
    this.#bucketsMax = bucketsMax;
    this.#total = createSums(conversations.count);
    this.#recent = this.#total;
  }

  get flows(): number {
    return this.#flows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(flows: FlowTable): void {
    const total = this.#total;
    for (let row = 0; row < flows.rows; row++) {
      const conversation = flows.conversation[row]!;
      const bytes = flows.bytes[row]!;
      const packets = flows.packets[row]!;
      const startMs = flows.startMs[row]!;
      const endMs = flows.endMs[row]!;
      total.bytes[conversation]! += bytes;
      total.packets[conversation]! += packets;
      this.#bytes += bytes;
      if (startMs < this.#firstMs) this.#firstMs = startMs;
      if (endMs > this.#lastMs) this.#lastMs = endMs;
      this.#addToBuckets(conversation, bytes, packets, startMs, endMs);
    }
    this.#flows += flows.rows;
  }

  document({ options, dropped, numbered, toMs }: TruthContext): Truth {
    const total = this.#total;
    const from = this.#flows === 0 ? Date.now() : this.#firstMs;
    const to = toMs ?? (this.#flows === 0 ? from : this.#lastMs) + RECEIPT_MS_MAX;
    return {
      version: 1,
      options: { ...options },
      clock: 'real',
      from: timeText(Math.floor(from / MINUTE_MS) * MINUTE_MS),
      to: timeText(Math.ceil(to / MINUTE_MS) * MINUTE_MS),
      flows: this.#flows,
      bytes: this.#bytes,
      packets: total.packets.reduce((sum, packets) => sum + packets, 0),
      applications: applicationMatrix(this.#dataCentre, this.#conversations, total),
      cells: cellsOf(this.#dataCentre, this.#conversations, total, this.#buckets),
      bucketsFrom: timeText(this.#bucketsFrom),
      ...(numbered ? { numbered } : {}),
      dropped,
    };
  }

  #addToBuckets(conversation: number, bytes: number, packets: number, startMs: number, endMs: number): void {
    let donePackets = 0;
    let doneBytes = 0;
    for (let key = startMs - (startMs % BUCKET_MS); donePackets < packets; key += BUCKET_MS) {
      const untilPackets = key + BUCKET_MS > endMs ? packets : packetsBefore(startMs, endMs, packets, key + BUCKET_MS);
      const untilBytes = bytesOfPackets(bytes, packets, untilPackets);
      const bucket = this.#bucketAt(key);
      bucket.bytes[conversation]! += untilBytes - doneBytes;
      bucket.packets[conversation]! += untilPackets - donePackets;
      donePackets = untilPackets;
      doneBytes = untilBytes;
    }
  }

  #bucketAt(key: number): Sums {
    if (key === this.#recentKey) return this.#recent;
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      bucket = createSums(this.#conversations.count);
      this.#buckets.set(key, bucket);
      this.#forgetOldest();
    }
    this.#recentKey = key;
    this.#recent = bucket;
    return bucket;
  }

  #forgetOldest(): void {
    if (this.#buckets.size <= this.#bucketsMax) return;
    const oldest = Math.min(...this.#buckets.keys());
    this.#buckets.delete(oldest);
    this.#bucketsFrom = oldest + BUCKET_MS;
  }
}

const timeText = (ms: number) => new Date(ms).toISOString();

function applicationMatrix(
  { endpoints, bridges, nodes }: DataCentre,
  { count, src, dst }: Conversations,
  total: Sums,
): Truth['applications'] {
  const matrix = new Map<number, Truth['applications'][number]>();
  for (let i = 0; i < count; i++) {
    if (total.packets[i] === 0) continue;
    const srcNode = endpoints.node[src[i]!]!;
    const dstNode = endpoints.node[dst[i]!]!;
    const key = srcNode * nodes.length + dstNode;
    const cell = matrix.get(key) ?? {
      src: nodes[srcNode]!,
      dst: nodes[dstNode]!,
      bytes: 0,
      packets: 0,
      samplingRate: 1,
    };
    cell.bytes += total.bytes[i]!;
    cell.packets += total.packets[i]!;
    cell.samplingRate = Math.max(cell.samplingRate, bridges[endpoints.bridge[src[i]!]!]!.sampling);
    matrix.set(key, cell);
  }
  return [...matrix.entries()].sort(([a], [b]) => a - b).map(([, cell]) => cell);
}

function cellsOf(
  dataCentre: DataCentre,
  conversations: Conversations,
  total: Sums,
  buckets: ReadonlyMap<number, Sums>,
): Truth['cells'] {
  const { src, dst, proto, serverPort } = conversations;
  const { names } = dataCentre.endpoints;
  const ordered = [...buckets.entries()].sort(([a], [b]) => a - b);
  const cells: Truth['cells'] = [];
  for (let i = 0; i < conversations.count; i++) {
    if (total.packets[i] === 0) continue;
    cells.push({
      src: names[src[i]!]!,
      dst: names[dst[i]!]!,
      service: `${proto[i] === TCP ? 'tcp' : 'udp'}/${serverPort[i]}`,
      links: linksOf(dataCentre, src[i]!, dst[i]!),
      bytes: total.bytes[i]!,
      packets: total.packets[i]!,
      buckets: ordered.flatMap(([start, { bytes, packets }]) =>
        packets[i] === 0 ? [] : [{ start: timeText(start), bytes: bytes[i]!, packets: packets[i]! }],
      ),
    });
  }
  return cells;
}

/** The ports a packet from `src` to `dst` comes in by: `leaf-01/3`, and `leaf-02/1000` from the fabric. */
function linksOf({ bridges, endpoints }: DataCentre, src: number, dst: number): string[] {
  const from = endpoints.bridge[src]!;
  const to = endpoints.bridge[dst]!;
  const access = `${bridges[from]!.id}/${endpoints.ifIndex[src]}`;
  return from === to ? [access] : [access, `${bridges[to]!.id}/${FABRIC_IF_INDEX}`];
}
