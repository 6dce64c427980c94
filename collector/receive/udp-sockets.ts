// The UDP sockets of a receive worker, one per port.

import { createSocket, type Socket } from 'node:dgram';
import type { CollectorConfiguration } from '../configuration.ts';
import type { Receiver } from './receiver.ts';

type OnDatagram = (datagram: Uint8Array, address: string, port: number) => void;

/** Rejects with `port` and `transport` of the one that cannot be bound. */
export function openSockets(configuration: CollectorConfiguration, receiver: Receiver): Promise<Socket[]> {
  const { udp, mirrorUdp } = configuration;
  const receive: OnDatagram = (datagram, address, port) => receiver.receive(datagram, address, port);
  const receiveMirrored: OnDatagram = (datagram, address) => receiver.receiveMirrored(datagram, address);
  return Promise.all([
    ...udp.map(port => open(configuration, port, receive)),
    ...mirrorUdp.map(port => open(configuration, port, receiveMirrored)),
  ]);
}

function open(configuration: CollectorConfiguration, port: number, onDatagram: OnDatagram): Promise<Socket> {
  const { udpHost, udpBufferBytes, workers } = configuration;
  const socket = createSocket({
    type: udpHost.includes(':') ? 'udp6' : 'udp4',
    reusePort: workers > 1,
    recvBufferSize: udpBufferBytes,
  });
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      socket.close();
      reject(Object.assign(error, { port, transport: 'UDP' }));
    });
    socket.bind(port, udpHost, () => {
      socket.removeAllListeners('error');
      // A receive error (such as a refused reply) concerns one datagram; the socket goes on.
      socket.on('error', () => {});
      socket.on('message', (message, from) => onDatagram(message, from.address, from.port));
      resolve(socket);
    });
  });
}
