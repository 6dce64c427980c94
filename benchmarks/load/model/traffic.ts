// Who talks to whom: the dependencies between applications spread over pairs of VMs. A conversation is one direction of
// one pair on one server port; a turn makes one flow of the request and one of the reply, each with its own volume.

import { createRandom, createWeightedChoice, type Random } from '../../random.ts';
import { type Dependency, dependenciesOf, EXTERNAL, LAB, type Volume } from './applications.ts';
import type { DataCentre } from './data-centre.ts';
import type { FlowTable } from './flow-table.ts';

/** Directed conversations as columns; the reply of a request stands right behind it. */
export interface Conversations {
  readonly count: number;
  readonly src: Uint32Array;
  readonly dst: Uint32Array;
  readonly proto: Uint8Array;
  readonly serverPort: Uint16Array;
  /** 1 when the source is the client. */
  readonly isRequest: Uint8Array;
  /** 1 when it runs over IPv6. */
  readonly isIPv6: Uint8Array;
}

export interface TrafficOptions {
  /** Gives flow n exactly 1,000,000 + n bytes, so that each can be distinguished from all others. */
  readonly numbered?: boolean;
  /** Flows never straddle a multiple of this, as those of an exporter that cuts long flows by the clock. */
  readonly cutEveryMs?: number;
}

export const NUMBERED_BYTES_BASE = 1_000_000;
/** Bound of the conversations, and so of the truth's cells. */
export const CONVERSATIONS_MAX = 131_072;

const SERVERS_PER_CLIENT_MAX = 4;
const DURATION_MS_MAX = 20_000;
const EPHEMERAL_PORT_FIRST = 49_152;
const EPHEMERAL_PORTS = 16_384;
const PACKET_BYTES_MIN = 64;
const PACKET_BYTES_MAX = 1500;
const VOLUMES_PER_EXCHANGE = 1024;
/** Where every sampled packet is a datagram's worth of bytes, flows stay short. */
const SFLOW_SAMPLES_PER_FLOW_MAX = 8;
const TIDE_SHARE = 0.45;

export class Traffic {
  readonly conversations: Conversations;
  /** Share of the turns that can be reported later; 0 when every bridge speaks sFlow. */
  readonly timedShare: number;
  readonly #isNumbered: boolean;
  readonly #cutEveryMs: number;
  readonly #random: Random;
  readonly #turnFirst: Uint32Array;
  readonly #turnDependency: Uint32Array;
  readonly #chooseTurn: (random: Random) => number;
  readonly #chooseTimedTurn: (random: Random) => number;
  /** Of each dependency what its requests carry, then its replies. */
  readonly #volumes: readonly Volumes[];
  readonly #hasReply: readonly boolean[];
  readonly #tide: Float64Array;
  /** By conversation, 1 where its flows start as they end. */
  readonly #isBurst: Uint8Array;
  readonly #packetsMax: Uint32Array;
  /** Volume of the flow last drawn. One object for all flows, so that drawing makes none. */
  readonly #drawn = { bytes: 0, packets: 0 };
  #flowNumber = 0;

  constructor(
    dataCentre: DataCentre,
    { numbered = false, cutEveryMs = Number.POSITIVE_INFINITY }: TrafficOptions = {},
  ) {
    const { seed, sampling } = dataCentre.options;
    const random = createRandom(seed, 2);
    const plan = planTurns(dataCentre, createRandom(seed, 3));
    const { conversations, turnFirst, turnWeights, dependencies } = plan;
    this.conversations = conversations;
    this.#isNumbered = numbered;
    this.#cutEveryMs = cutEveryMs;
    this.#random = random;
    this.#turnFirst = turnFirst;
    this.#turnDependency = plan.turnDependency;
    this.#volumes = dependencies.flatMap(({ exchange }) => [
      drawVolumes(random, exchange.request),
      drawVolumes(random, exchange.reply ?? exchange.request),
    ]);
    this.#hasReply = dependencies.map(({ exchange }) => exchange.reply !== undefined);
    this.#tide = new Float64Array(dependencies.length).fill(1);
    // A packet that an sFlow bridge sees has no flow times, so flows that enter at one are bursts: they start as they end.
    this.#isBurst = Uint8Array.from(conversations.src, endpoint => Number(isSflow(dataCentre, endpoint)));
    const touchesSflow = Array.from(conversations.src, (src, i) =>
      [src, conversations.dst[i]!].some(endpoint => isSflow(dataCentre, endpoint)),
    );
    this.#packetsMax = Uint32Array.from(touchesSflow, touches =>
      touches ? SFLOW_SAMPLES_PER_FLOW_MAX * sampling : 0xffffffff,
    );
    const timedWeights = turnWeights.map((weight, turn) => (touchesSflow[turnFirst[turn]!] ? 0 : weight));
    this.timedShare = sum(timedWeights) / sum(turnWeights);
    this.#chooseTurn = createWeightedChoice(turnWeights);
    this.#chooseTimedTurn = this.timedShare > 0 ? createWeightedChoice(timedWeights) : this.#chooseTurn;
  }

  /**
   * Replaces the table's rows with at least one flow and at most `count + 1` (a turn is never cut) that end at `endMs`.
   * `scale` multiplies packets. `isPast` keeps to pairs whose bridges report flow times, so that a flow can be reported later.
   */
  generate(flows: FlowTable, count: number, endMs: number, scale: number, isPast: boolean): void {
    const random = this.#random;
    flows.rows = 0;
    const rowsMax = Math.min(count, flows.rowsMax - 1);
    do {
      const turn = isPast ? this.#chooseTimedTurn(random) : this.#chooseTurn(random);
      const dependency = this.#turnDependency[turn]!;
      const first = this.#turnFirst[turn]!;
      const clientPort = EPHEMERAL_PORT_FIRST + random.below(EPHEMERAL_PORTS);
      const turnScale = scale * this.#tide[dependency]!;
      this.#draw(first, this.#volumes[2 * dependency]!, turnScale);
      this.#append(flows, first, clientPort, endMs);
      if (this.#hasReply[dependency]) {
        this.#draw(first + 1, this.#volumes[2 * dependency + 1]!, turnScale);
        this.#append(flows, first + 1, clientPort, endMs);
      }
    } while (flows.rows < rowsMax);
  }

  /** Moves each dependency's volume up and down, slowly and each on its own, as the time `nowMs` says. */
  setTide(nowMs: number): void {
    for (let i = 0; i < this.#tide.length; i++) {
      const periodMs = 180_000 + ((i * 47_000) % 420_000);
      this.#tide[i] = 1 + TIDE_SHARE * Math.sin((2 * Math.PI * nowMs) / periodMs + i);
    }
  }

  #draw(conversation: number, { bytes, packets }: Volumes, scale: number): void {
    const drawn = this.#drawn;
    const i = this.#random.below(VOLUMES_PER_EXCHANGE);
    drawn.bytes = bytes[i]!;
    drawn.packets = packets[i]!;
    const scaled = Math.min(this.#packetsMax[conversation]!, Math.max(1, Math.round(drawn.packets * scale)));
    if (this.#isNumbered) {
      drawn.bytes = NUMBERED_BYTES_BASE + this.#flowNumber++;
      drawn.packets = Math.ceil(drawn.bytes / PACKET_BYTES_MAX);
    } else if (scaled !== drawn.packets) {
      drawn.bytes = Math.floor((drawn.bytes * scaled) / drawn.packets);
      drawn.packets = scaled;
    }
  }

  /** Adds a flow with the volume last drawn. */
  #append(flows: FlowTable, conversation: number, clientPort: number, endMs: number): void {
    const { bytes, packets } = this.#drawn;
    const row = flows.rows++;
    const isRequest = this.conversations.isRequest[conversation] === 1;
    const serverPort = this.conversations.serverPort[conversation]!;
    const share = this.#random.unit();
    const durationMs =
      packets === 1 || this.#isBurst[conversation] === 1 ? 0 : Math.floor(share * share * share * DURATION_MS_MAX);
    flows.conversation[row] = conversation;
    flows.srcPort[row] = isRequest ? clientPort : serverPort;
    flows.dstPort[row] = isRequest ? serverPort : clientPort;
    flows.bytes[row] = bytes;
    flows.packets[row] = packets;
    flows.startMs[row] = Math.max(endMs - durationMs, endMs - (endMs % this.#cutEveryMs));
    flows.endMs[row] = endMs;
  }
}

function isSflow({ endpoints, bridges }: DataCentre, endpoint: number): boolean {
  return bridges[endpoints.bridge[endpoint]!]!.protocol === 'sflow5';
}

function sum(weights: readonly number[]): number {
  return weights.reduce((total, weight) => total + weight, 0);
}

interface Volumes {
  readonly bytes: Float64Array;
  readonly packets: Uint32Array;
}

/** Draws once what flows of one kind may carry, so that making a flow is a look-up. */
function drawVolumes(random: Random, volume: Volume): Volumes {
  const bytes = new Float64Array(VOLUMES_PER_EXCHANGE);
  const packets = new Uint32Array(VOLUMES_PER_EXCHANGE);
  for (let i = 0; i < VOLUMES_PER_EXCHANGE; i++) {
    const count = Math.round(volume.packetsMin * (volume.packetsMax / volume.packetsMin) ** (random.unit() ** 2));
    const size = Math.floor(volume.packetBytes * (0.7 + 0.6 * random.unit()));
    packets[i] = count;
    bytes[i] = count * Math.min(PACKET_BYTES_MAX - 1, Math.max(PACKET_BYTES_MIN, size)) + random.below(count);
  }
  return { bytes, packets };
}

interface Plan {
  readonly conversations: Conversations;
  readonly dependencies: readonly Dependency[];
  readonly turnFirst: Uint32Array;
  readonly turnDependency: Uint32Array;
  readonly turnWeights: readonly number[];
}

/** Each client VM talks to a few servers of each application it depends on; big pairs are much bigger than small ones. */
function planTurns(dataCentre: DataCentre, random: Random): Plan {
  const { apps, nodes, endpoints } = dataCentre;
  const members = new Map<string, number[]>(nodes.map(node => [node, []]));
  for (let i = 0; i < endpoints.count; i++) members.get(nodes[endpoints.node[i]!]!)!.push(i);
  const membersOf = (group: string) => members.get(group === LAB ? `auto:${LAB}` : group)!;
  const dependencies = dependenciesOf(apps);
  const clients = dependencies.reduce((sum, { client }) => sum + membersOf(client).length, 0);
  const serversPerClient = Math.max(1, Math.min(SERVERS_PER_CLIENT_MAX, Math.floor(CONVERSATIONS_MAX / 2 / clients)));

  const rows: { src: number; dst: number; dependency: Dependency; isRequest: boolean; isIPv6: boolean }[] = [];
  const turnFirst: number[] = [];
  const turnDependency: number[] = [];
  const turnWeights: number[] = [];
  dependencies.forEach((dependency, index) => {
    const pairs = membersOf(dependency.client).flatMap(client =>
      pickServers(random, client, membersOf(dependency.server), serversPerClient).map(server => ({ client, server })),
    );
    const shares = pairs.map(() => random.unit() ** 3 + 0.02);
    const total = shares.reduce((sum, share) => sum + share, 0);
    pairs.forEach(({ client, server }, i) => {
      if (rows.length + 2 > CONVERSATIONS_MAX) throw new RangeError(`more than ${CONVERSATIONS_MAX} conversations`);
      const hasIPv6 =
        dependency.client !== EXTERNAL && endpoints.address6[4 * client] !== 0 && endpoints.address6[4 * server] !== 0;
      turnFirst.push(rows.length);
      turnDependency.push(index);
      turnWeights.push((dependency.weight * shares[i]!) / total);
      rows.push({ src: client, dst: server, dependency, isRequest: true, isIPv6: hasIPv6 });
      if (dependency.exchange.reply)
        rows.push({ src: server, dst: client, dependency, isRequest: false, isIPv6: hasIPv6 });
    });
  });
  const conversations: Conversations = {
    count: rows.length,
    src: Uint32Array.from(rows, row => row.src),
    dst: Uint32Array.from(rows, row => row.dst),
    proto: Uint8Array.from(rows, row => row.dependency.proto),
    serverPort: Uint16Array.from(rows, row => row.dependency.port),
    isRequest: Uint8Array.from(rows, row => Number(row.isRequest)),
    isIPv6: Uint8Array.from(rows, row => Number(row.isIPv6)),
  };
  return {
    conversations,
    dependencies,
    turnFirst: Uint32Array.from(turnFirst),
    turnDependency: Uint32Array.from(turnDependency),
    turnWeights,
  };
}

/** Up to `count` different servers, never the client itself; an application of one VM does not talk to itself. */
function pickServers(random: Random, client: number, servers: readonly number[], count: number): number[] {
  const others = servers.filter(server => server !== client);
  const start = others.length === 0 ? 0 : random.below(others.length);
  return others.slice(0, count).map((_, i) => others[(start + i) % others.length]!);
}
