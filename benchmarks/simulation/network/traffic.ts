// Who talks to whom, in trains: the packets of one direction of one connection within one tick, evenly spaced. Sizes
// follow a short cycle, so the size and the time of each packet is known without a list of them, and a sampler can jump
// to the packets it takes. A train never crosses a minute.

import type { Random } from '../../random.ts';
import { type Flow5, TCP } from './frame.ts';
import { addressOf, type End } from './world.ts';

/** Sizes of packets as IP lengths, in turn. */
export type Mix = readonly number[];

export interface Train {
  readonly flow: Flow5;
  /** Number of its first packet within the direction of its connection. */
  readonly first: number;
  readonly packets: number;
  readonly mix: Mix;
  readonly startMs: number;
  readonly spanMs: number;
}

export function packetBytes({ mix, first }: Train, packet: number): number {
  return mix[(first + packet) % mix.length]!;
}

export function packetMs({ startMs, spanMs, packets }: Train, packet: number): number {
  return startMs + Math.floor((packet * spanMs) / packets);
}

export function trainBytes({ mix, first, packets }: Train): number {
  const cycle = mix.reduce((sum, bytes) => sum + bytes, 0);
  let bytes = Math.floor(packets / mix.length) * cycle;
  for (let i = packets - (packets % mix.length); i < packets; i++) bytes += mix[(first + i) % mix.length]!;
  return bytes;
}

export interface Conversation {
  readonly client: End;
  readonly server: End;
  readonly proto: number;
  readonly port: number;
  /** Packets a second towards the server, and back. */
  readonly toServer: number;
  readonly toClient: number;
  readonly requestMix: Mix;
  readonly replyMix: Mix;
  /** How long a connection lasts. */
  readonly connectionMs: number;
}

/** One direction of a connection. */
export interface Direction {
  readonly from: End;
  readonly to: End;
  readonly conversation: Conversation;
  readonly flow: Flow5;
  /** What forwarding choices are made by. */
  readonly hash: number;
  sent: number;
}

export interface Offered {
  readonly direction: Direction;
  readonly train: Train;
}

const CLIENT_PORT_FIRST = 33_000;
const CLIENT_PORTS = 27_000;

export interface Traffic {
  /** The trains of one tick. */
  tick(startMs: number, tickMs: number): Offered[];
  /** Connections of this end are over, because its address has changed. */
  end(of: End): void;
}

interface Connection {
  readonly endMs: number;
  readonly directions: readonly Direction[];
}

export function createTraffic(conversations: readonly Conversation[], random: Random): Traffic {
  const open: (Connection | undefined)[] = conversations.map(() => undefined);
  let nextPort = random.below(CLIENT_PORTS);

  const connect = (conversation: Conversation, startMs: number): Connection => {
    const { client, server, proto, port, connectionMs, toClient } = conversation;
    const clientPort = CLIENT_PORT_FIRST + (nextPort++ % CLIENT_PORTS);
    const hash = random.uint32();
    const tcpFlags = proto === TCP ? 0x18 : 0;
    const flow = {
      src: addressOf(client),
      dst: addressOf(server),
      proto,
      srcPort: clientPort,
      dstPort: port,
      tcpFlags,
    };
    const back = { src: flow.dst, dst: flow.src, proto, srcPort: port, dstPort: clientPort, tcpFlags };
    const forward: Direction = { from: client, to: server, conversation, flow, hash, sent: 0 };
    const reverse: Direction = { from: server, to: client, conversation, flow: back, hash, sent: 0 };
    // Connections do not all end together.
    const endMs = startMs + connectionMs * (0.5 + random.unit());
    return { endMs, directions: toClient > 0 ? [forward, reverse] : [forward] };
  };

  const isRunning = (end: End) => end.kind !== 'vm' || end.status === 'running';

  return {
    tick(startMs, tickMs) {
      return conversations.flatMap((conversation, i) => {
        if (!isRunning(conversation.client) || !isRunning(conversation.server)) {
          open[i] = undefined;
          return [];
        }
        let connection = open[i];
        if (!connection || startMs >= connection.endMs) {
          connection = connect(conversation, startMs);
          open[i] = connection;
        }
        return connection.directions.flatMap((direction, back) => {
          const mean = ((back === 0 ? conversation.toServer : conversation.toClient) * tickMs) / 1000;
          const packets = Math.floor(mean * (0.5 + random.unit()) + random.unit());
          if (packets === 0) return [];
          const mix = back === 0 ? conversation.requestMix : conversation.replyMix;
          const train = { flow: direction.flow, first: direction.sent, packets, mix, startMs, spanMs: tickMs };
          direction.sent += packets;
          return [{ direction, train }];
        });
      });
    },
    end(of) {
      conversations.forEach(({ client, server }, i) => {
        if (client === of || server === of) open[i] = undefined;
      });
    },
  };
}
