// UDP sockets of the simulated exporters. Each bridge sends from an address of its own where the machine allows it: all
// of 127.0.0.0/8 is there on Linux. Elsewhere they share one address and differ by observation domain.

import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import type { Bridge } from './model/data-centre.ts';

/** What a socket needs to know of its exporter. */
export type Sending = Pick<Bridge, 'agentAddress'> & { readonly protocol: string };

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface Sender {
  /** Address by which the receiver knows each bridge: the source of its datagrams, for sFlow the agent in them. */
  readonly exporterAddresses: readonly string[];
  /** Datagrams the kernel refused. */
  readonly errors: number;
  /** Sends `length` bytes and returns the buffer to fill next: the same one, unless the kernel has not taken it yet. */
  send(bridge: number, datagram: Uint8Array, length: number): Uint8Array;
  close(): Promise<void>;
}

/** Opens a socket per bridge; `targetOf` says where a bridge sends to. */
export async function openSender<S extends Sending>(
  bridges: readonly S[],
  targetOf: (bridge: S) => Target,
): Promise<Sender> {
  const routes: { socket: Socket; host: string; port: number }[] = [];
  const exporterAddresses: string[] = [];
  let errors = 0;
  const onSent = (error: Error | null) => {
    if (error) errors++;
  };
  for (const bridge of bridges) {
    const { host: name, port } = targetOf(bridge);
    const { address: host, family } = await lookup(name);
    const type = family === 6 ? 'udp6' : 'udp4';
    const hasOwnAddress = process.platform === 'linux' && host.startsWith('127.');
    const address = hasOwnAddress ? bridge.agentAddress : await addressToward(host, port, type);
    // By now only addresses are looked up. Handed back at once, they cost no tick per datagram. The socket is not
    // connected, or a receiver that is away for a moment would cost datagrams after it is back.
    const socket = createSocket({ type, lookup: (text, _options, callback) => callback(null, text, family) });
    socket.on('error', onSent);
    const listening = once(socket, 'listening'); // which a synchronous lookup brings about within `bind`
    socket.bind({ address, port: 0 });
    await listening;
    routes.push({ socket, host, port });
    exporterAddresses.push(bridge.protocol === 'sflow5' ? bridge.agentAddress : address);
  }
  return {
    exporterAddresses,
    get errors() {
      return errors;
    },
    send(bridge, datagram, length) {
      const { socket, host, port } = routes[bridge]!;
      socket.send(datagram, 0, length, port, host, onSent);
      return socket.getSendQueueCount() === 0 ? datagram : new Uint8Array(datagram.length);
    },
    async close() {
      for (const { socket } of routes) {
        const closed = once(socket, 'close');
        socket.close();
        await closed;
      }
    },
  };
}

/** The local address the kernel chooses for datagrams to a target. */
async function addressToward(host: string, port: number, type: 'udp4' | 'udp6'): Promise<string> {
  const probe = createSocket(type);
  probe.connect(port, host);
  await once(probe, 'connect');
  const { address } = probe.address();
  probe.close();
  return address;
}
