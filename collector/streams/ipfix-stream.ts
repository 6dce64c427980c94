// IPFIX over TCP (RFC 7011 10.4) and over TLS (tls-server.ts): accepts connections, cuts each into messages and hands
// them on with a session number of its own, so that templates live and end with their connection. TCP loses nothing by
// itself, so nothing may be lost here: while `hasRoom` says no, a connection is not read beyond its next whole message,
// the kernel's window closes and the exporter waits.
//
// Bounds: connections, silence and time of a handshake per connection, 65,535 bytes of an unfinished message and one
// piece of at most 64 KiB that waits. Not spoken: SCTP, DTLS, and compressed streams of other collectors.

import { createServer, type Server, type Socket } from 'node:net';
import type { Counters } from '../../service/counters.ts';
import type { Log } from '../../service/log.ts';
import type { CollectorConfiguration } from '../configuration.ts';
import { connectionPort } from '../decode/exporters/session.ts';
import { createAddressLog } from '../gate/address-log.ts';
import type { SourceGate } from '../gate/source-gate.ts';
import type { STREAM_COUNTERS } from '../threads/counters.ts';
import { MessageCutter } from './message-cutter.ts';
import { TlsServer } from './tls-server.ts';

/** The kernel probes a silent peer after this time. */
const KEEPALIVE_MS = 60_000;

export type CloseReason = 'exporter' | 'truncated' | 'malformed' | 'idle' | 'reset' | 'handshake' | 'stopped';

export interface IpfixStreamDependencies {
  readonly log: Log;
  readonly counters: Counters<typeof STREAM_COUNTERS>;
  /** Whether the next message can be decoded without a row being dropped. */
  hasRoom(): boolean;
  /** Who may connect, and how many messages of it are taken; one above its rate is left unread and waits. */
  readonly gate?: SourceGate;
  decode(message: Uint8Array, address: string, session: number): void;
  /** The session is over, and what it has taught with it. */
  ended(address: string, session: number): void;
}

interface Connection {
  readonly stream: Socket;
  readonly address: string;
  readonly port: number;
  readonly session: number;
  readonly cutter: MessageCutter;
  /** Why it ends, as soon as that is known. */
  reason: CloseReason | undefined;
  closed: boolean;
}

export class IpfixStreams {
  readonly #configuration: CollectorConfiguration;
  readonly #dependencies: IpfixStreamDependencies;
  readonly #warn: ReturnType<typeof createAddressLog>;
  readonly #messages: number;
  readonly #bytes: number;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<Connection>();
  readonly #waiting = new Set<Connection>();
  #tls: TlsServer | undefined;
  #sessions = 0;

  constructor(configuration: CollectorConfiguration, dependencies: IpfixStreamDependencies) {
    this.#configuration = configuration;
    this.#dependencies = dependencies;
    this.#warn = createAddressLog(dependencies.log);
    this.#messages = dependencies.counters.slot('messages');
    this.#bytes = dependencies.counters.slot('bytes');
  }

  /** Ports in the order of the configuration; rejects with `port` and `transport` of the one that cannot be bound. */
  async start(): Promise<{ TCP: readonly number[]; TLS: readonly number[] }> {
    const { ipfixTcp, ipfixTls } = this.#configuration;
    this.#dependencies.counters.set('open', 0);
    try {
      const tls = ipfixTls.length > 0 ? this.#createTls() : undefined;
      this.#tls = tls;
      return {
        TCP: await Promise.all(ipfixTcp.map(port => this.#listen(port, 'TCP', socket => this.#read(socket)))),
        TLS: await Promise.all(ipfixTls.map(port => this.#listen(port, 'TLS', socket => tls?.take(socket)))),
      };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** There is room again. */
  resume(): void {
    // A copy: those that have to wait again are added anew.
    for (const connection of [...this.#waiting]) {
      if (!this.#dependencies.hasRoom()) return;
      if (this.#isOverRate(connection)) continue;
      this.#waiting.delete(connection);
      this.#decodeAll(connection);
      if (this.#waiting.has(connection)) continue;
      if (connection.closed) this.#finish(connection);
      else connection.stream.resume();
    }
  }

  /** Connections that wait for room. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes no more connections and closes this end of those there are; what exporters still send is read. */
  stopAccepting(): void {
    this.#tls?.stop();
    for (const server of this.#servers) server.close();
    // RFC 7011 10.4.4: close this end, and read until the exporter has closed its own.
    for (const { stream } of this.#connections) stream.end();
  }

  close(): void {
    this.#tls?.stop();
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const connection of this.#connections) {
      end(connection, 'stopped');
      this.#finish(connection);
    }
  }

  #listen(port: number, transport: 'TCP' | 'TLS', take: (socket: Socket) => void): Promise<number> {
    const server = createServer(socket => this.#accept(socket, take));
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', error => reject(Object.assign(error, { port, transport })));
      server.listen({ port, host: this.#configuration.udpHost, exclusive: true }, () => {
        server.removeAllListeners('error');
        // Such as too many open files: it concerns one connection; the server goes on.
        server.on('error', error =>
          this.#warn('', { err: error }, 'an IPFIX connection could not be accepted; the exporter has to try again'),
        );
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  #accept(socket: Socket, take: (socket: Socket) => void): void {
    if (this.#isRefused(socket.remoteAddress)) {
      socket.destroy();
      return;
    }
    const { counters } = this.#dependencies;
    this.#sockets.add(socket);
    counters.add('accepted');
    counters.set('open', this.#sockets.size);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    // The stream read from it has a listener that gives the reason.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      counters.set('open', this.#sockets.size);
    });
    take(socket);
  }

  /** Whether a connection is not taken, which is counted and logged. */
  #isRefused(address: string | undefined): boolean {
    const { gate, counters } = this.#dependencies;
    if (gate && address !== undefined && !gate.allows(address)) {
      counters.add('notAllowed');
      this.#warn(address, {}, 'IPFIX connection refused: --exporter-allow does not name its source');
      return true;
    }
    if (this.#sockets.size < this.#configuration.ipfixConnectionsMax && address !== undefined) return false;
    counters.add('refused');
    this.#warn(
      address ?? '',
      { connections: this.#sockets.size },
      'IPFIX connection refused: as many as --ipfix-connections-max are open',
    );
    return true;
  }

  #createTls(): TlsServer {
    const { log, counters } = this.#dependencies;
    return new TlsServer(this.#configuration, {
      log,
      warn: this.#warn,
      connected: stream => this.#read(stream),
      failed: () => counters.add('handshake'),
    });
  }

  #read(stream: Socket): void {
    const { ipfixIdleMsMax } = this.#configuration;
    const port = stream.remotePort!;
    const connection: Connection = {
      stream,
      address: stream.remoteAddress!,
      port,
      session: connectionPort(port, ++this.#sessions),
      cutter: new MessageCutter(),
      reason: undefined,
      closed: false,
    };
    this.#connections.add(connection);
    stream.on('data', piece => {
      connection.cutter.feed(piece);
      this.#decodeAll(connection);
    });
    stream.on('end', () => {
      connection.reason ??= 'exporter';
    });
    stream.on('error', () => {
      connection.reason ??= 'reset';
    });
    stream.on('close', () => {
      connection.closed = true;
      if (!this.#waiting.has(connection)) this.#finish(connection);
    });
    stream.on('timeout', () => {
      // Silent because it is not read: that is not the exporter's silence.
      if (this.#waiting.has(connection)) stream.setTimeout(ipfixIdleMsMax);
      else end(connection, 'idle');
    });
    stream.setTimeout(ipfixIdleMsMax);
  }

  /** Decodes the messages that are there, as long as there is room; without, the connection waits. */
  #decodeAll(connection: Connection): void {
    const { cutter, address, session } = connection;
    const { hasRoom, gate, decode, counters } = this.#dependencies;
    const { values } = counters;
    while (cutter.hasNext()) {
      if (!hasRoom()) {
        this.#wait(connection, 'pauses');
        return;
      }
      if (this.#isOverRate(connection)) {
        this.#wait(connection, 'slowed');
        return;
      }
      const message = cutter.next()!;
      gate?.admit(address, Date.now());
      values[this.#messages]! += 1;
      values[this.#bytes]! += message.length;
      decode(message, address, session);
    }
    if (cutter.malformed) end(connection, 'malformed');
  }

  #isOverRate({ address }: Connection): boolean {
    const { gate } = this.#dependencies;
    return gate !== undefined && !gate.hasToken(address, Date.now());
  }

  #wait(connection: Connection, why: 'pauses' | 'slowed'): void {
    this.#waiting.add(connection);
    connection.stream.pause();
    this.#dependencies.counters.add(why);
  }

  #finish(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const { address, port, session, cutter } = connection;
    let { reason = 'reset' } = connection;
    if (reason === 'exporter' && cutter.unfinished) reason = 'truncated';
    this.#waiting.delete(connection);
    this.#dependencies.counters.add(reason);
    if (reason !== 'exporter' && reason !== 'stopped')
      this.#warn(address, { port, reason }, 'IPFIX connection closed; see docs/COLLECTOR.md, "IPFIX over TCP and TLS"');
    this.#dependencies.ended(address, session);
  }
}

function end(connection: Connection, reason: CloseReason): void {
  connection.reason ??= reason;
  connection.stream.destroy();
}
