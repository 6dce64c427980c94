// IPFIX over TCP (RFC 7011 10.4) and over TLS (11.1 to 11.3): accepts connections, cuts each into messages and hands them
// on with a session number of its own, so that templates live and end with their connection. TCP loses nothing by
// itself, so nothing may be lost here: while `hasRoom` says no, a connection is not read beyond its next whole message, the
// kernel's window closes and the exporter waits.
//
// Bounds: connections, silence and time of a handshake per connection, 65,535 bytes of an unfinished message and one
// piece of at most 64 KiB that waits. Not spoken: SCTP, DTLS, and compressed streams of other collectors.

import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createSecureServer, type Server as SecureServer, type TLSSocket } from 'node:tls';
import type { Counters } from '../../service/counters.ts';
import type { Log } from '../../service/log.ts';
import type { CollectorConfiguration } from '../configuration.ts';
import { connectionPort } from '../decode/exporters/exporters.ts';
import { createAddressLog } from '../gate/address-log.ts';
import type { SourceGate } from '../gate/source-gate.ts';
import type { STREAM_COUNTERS } from '../threads/counters.ts';
import { MessageCutter } from './message-cutter.ts';
import { readCredentials } from './tls-credentials.ts';

/** The kernel asks a silent peer whether it is still there after this time. */
const KEEPALIVE_MS = 60_000;
const HANDSHAKE_MS_MAX = 10_000;
/** How often the files of the certificates are compared with what is in use. */
const CREDENTIALS_INTERVAL_MS = 10_000;

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

export interface IpfixStreams {
  /** Ports in the order of the configuration; rejects with `port` and `transport` of the one that cannot be bound. */
  start(): Promise<{ TCP: readonly number[]; TLS: readonly number[] }>;
  /** There is room again. */
  resume(): void;
  /** Connections that wait for room. */
  waiting(): number;
  /** Takes no more connections and tells exporters so; what they still send is read. */
  stopAccepting(): void;
  close(): void;
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

export function createIpfixStreams(
  configuration: CollectorConfiguration,
  { log, counters, hasRoom, gate, decode, ended }: IpfixStreamDependencies,
): IpfixStreams {
  const { ipfixTcp, ipfixTls, ipfixConnectionsMax, ipfixIdleMsMax, udpHost } = configuration;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const connections = new Set<Connection>();
  const waiting = new Set<Connection>();
  const warn = createAddressLog(log);
  const { values } = counters;
  const MESSAGES = counters.slot('messages');
  const BYTES = counters.slot('bytes');
  let numbered = 0;
  let secure: SecureServer | undefined;
  let credentialsTimer: NodeJS.Timeout | undefined;

  function accept(socket: Socket, take: (socket: Socket) => void): void {
    const { remoteAddress } = socket;
    if (gate && remoteAddress !== undefined && !gate.allows(remoteAddress)) {
      counters.add('notAllowed');
      socket.destroy();
      warn(remoteAddress, {}, 'IPFIX connection refused: --exporter-allow does not name its source');
      return;
    }
    if (sockets.size >= ipfixConnectionsMax || remoteAddress === undefined) {
      counters.add('refused');
      socket.destroy();
      warn(remoteAddress ?? '', { connections: sockets.size }, 'IPFIX connection refused: as many as may be are open');
      return;
    }
    sockets.add(socket);
    counters.add('accepted');
    counters.set('open', sockets.size);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    // Told by the connection, which has a listener of its own.
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      counters.set('open', sockets.size);
    });
    take(socket);
  }

  function read(stream: Socket): void {
    const port = stream.remotePort!;
    const connection: Connection = {
      stream,
      address: stream.remoteAddress!,
      port,
      session: connectionPort(port, ++numbered),
      cutter: new MessageCutter(),
      reason: undefined,
      closed: false,
    };
    connections.add(connection);
    stream.on('data', piece => {
      connection.cutter.feed(piece);
      decodeAll(connection);
    });
    stream.on('end', () => {
      connection.reason ??= 'exporter';
    });
    stream.on('error', () => {
      connection.reason ??= 'reset';
    });
    stream.on('close', () => {
      connection.closed = true;
      if (!waiting.has(connection)) finish(connection);
    });
    stream.on('timeout', () => {
      // Silent because it is not read: that is not the exporter's silence.
      if (waiting.has(connection)) stream.setTimeout(ipfixIdleMsMax);
      else end(connection, 'idle');
    });
    stream.setTimeout(ipfixIdleMsMax);
  }

  /** Decodes the messages that are there, as long as there is room; without, the connection waits. */
  function decodeAll(connection: Connection): void {
    const { cutter, address, session } = connection;
    while (cutter.hasNext()) {
      if (!hasRoom()) {
        wait(connection, 'pauses');
        return;
      }
      if (isOverRate(connection)) {
        wait(connection, 'slowed');
        return;
      }
      const message = cutter.next()!;
      gate?.admit(address, Date.now());
      values[MESSAGES]! += 1;
      values[BYTES]! += message.length;
      decode(message, address, session);
    }
    if (cutter.malformed) end(connection, 'malformed');
  }

  function isOverRate({ address }: Connection): boolean {
    return gate !== undefined && !gate.hasToken(address, Date.now());
  }

  function wait(connection: Connection, why: 'pauses' | 'slowed'): void {
    waiting.add(connection);
    connection.stream.pause();
    counters.add(why);
  }

  function end(connection: Connection, reason: CloseReason): void {
    connection.reason ??= reason;
    connection.stream.destroy();
  }

  function finish(connection: Connection): void {
    if (!connections.delete(connection)) return;
    const { address, port, session, cutter } = connection;
    let { reason = 'reset' } = connection;
    if (reason === 'exporter' && cutter.unfinished) reason = 'truncated';
    waiting.delete(connection);
    counters.add(reason);
    if (reason !== 'exporter' && reason !== 'stopped')
      warn(address, { port, reason }, 'IPFIX connection closed; see docs/COLLECTOR.md, "IPFIX over TCP and TLS"');
    ended(address, session);
  }

  /** TLS of a connection accepted elsewhere: this server never listens itself. */
  function createSecure(): SecureServer {
    let credentials = readCredentials(configuration);
    const server = createSecureServer(
      {
        ...credentials,
        minVersion: 'TLSv1.2',
        handshakeTimeout: HANDSHAKE_MS_MAX,
        requestCert: credentials.ca !== undefined,
        rejectUnauthorized: true,
      },
      read,
    );
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      const why = socket.authorizationError ?? error.code ?? error.message;
      counters.add('handshake');
      warn(
        socket.remoteAddress ?? '',
        { why },
        'TLS handshake failed; see docs/COLLECTOR.md, "IPFIX over TCP and TLS"',
      );
      socket.destroy();
    });
    credentialsTimer = setInterval(() => {
      try {
        const found = readCredentials(configuration);
        if (found.cert === credentials.cert && found.key === credentials.key && found.ca === credentials.ca) return;
        credentials = found;
        server.setSecureContext({ ...credentials, minVersion: 'TLSv1.2' });
        log.info('certificates of the TLS ports read again; new connections use them');
      } catch (error) {
        warn('', { err: error }, 'certificates of the TLS ports cannot be read again; those before stay in use');
      }
    }, CREDENTIALS_INTERVAL_MS);
    return server;
  }

  function listen(port: number, transport: 'TCP' | 'TLS', take: (socket: Socket) => void): Promise<number> {
    const server = createServer(socket => accept(socket, take));
    servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', error => reject(Object.assign(error, { port, transport })));
      server.listen({ port, host: udpHost, exclusive: true }, () => {
        server.removeAllListeners('error');
        // Such as too many open files: it concerns one connection; the server goes on.
        server.on('error', error => warn('', { err: error }, 'an IPFIX connection could not be accepted'));
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  function close(): void {
    clearInterval(credentialsTimer);
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
    for (const connection of connections) {
      end(connection, 'stopped');
      finish(connection);
    }
  }

  return {
    async start() {
      counters.set('open', 0);
      try {
        if (ipfixTls.length > 0) secure = createSecure();
        return {
          TCP: await Promise.all(ipfixTcp.map(port => listen(port, 'TCP', read))),
          TLS: await Promise.all(
            ipfixTls.map(port => listen(port, 'TLS', socket => void secure!.emit('connection', socket))),
          ),
        };
      } catch (error) {
        close();
        throw error;
      }
    },
    resume() {
      // A copy: those that have to wait again are added anew.
      for (const connection of [...waiting]) {
        if (!hasRoom()) return;
        if (isOverRate(connection)) continue;
        waiting.delete(connection);
        decodeAll(connection);
        if (waiting.has(connection)) continue;
        if (connection.closed) finish(connection);
        else connection.stream.resume();
      }
    },
    waiting: () => waiting.size,
    stopAccepting() {
      clearInterval(credentialsTimer);
      for (const server of servers) server.close();
      // RFC 7011 10.4.4: close this end, and read until the exporter has closed its own.
      for (const { stream } of connections) stream.end();
    },
    close,
  };
}
