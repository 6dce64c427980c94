// TLS of connections that were accepted elsewhere (RFC 7011 11.1 to 11.3): the server here never listens itself. It
// compares the files of the certificates with what is in use, and new connections use what has changed.

import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Log } from '../../service/log.ts';
import type { CollectorConfiguration } from '../configuration.ts';
import { readCredentials, type TlsCredentials } from './tls-credentials.ts';

const HANDSHAKE_MS_MAX = 10_000;
/** How often the files of the certificates are compared with what is in use. */
const CREDENTIALS_INTERVAL_MS = 10_000;

export interface TlsServerDependencies {
  readonly log: Log;
  readonly warn: (address: string, values: object, message: string) => void;
  /** The handshake of a connection succeeded. */
  connected(stream: TLSSocket): void;
  failed(): void;
}

export class TlsServer {
  readonly #configuration: CollectorConfiguration;
  readonly #dependencies: TlsServerDependencies;
  readonly #server: Server;
  readonly #timer: NodeJS.Timeout;
  #credentials: TlsCredentials;

  /** Throws CERTIFICATE_UNUSABLE. */
  constructor(configuration: CollectorConfiguration, dependencies: TlsServerDependencies) {
    this.#configuration = configuration;
    this.#dependencies = dependencies;
    this.#credentials = readCredentials(configuration);
    this.#server = createServer(
      {
        ...this.#credentials,
        minVersion: 'TLSv1.2',
        handshakeTimeout: HANDSHAKE_MS_MAX,
        requestCert: this.#credentials.ca !== undefined,
        rejectUnauthorized: true,
      },
      stream => dependencies.connected(stream),
    );
    this.#server.on('tlsClientError', (error, stream) => this.#fail(error, stream));
    this.#timer = setInterval(() => this.#refresh(), CREDENTIALS_INTERVAL_MS);
  }

  /** Begins the handshake of a connection. */
  take(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /** Stops looking at the files; open connections stay. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #fail(error: NodeJS.ErrnoException, stream: TLSSocket): void {
    const { warn, failed } = this.#dependencies;
    const why = stream.authorizationError ?? error.code ?? error.message;
    failed();
    warn(stream.remoteAddress ?? '', { why }, 'TLS handshake failed; see docs/COLLECTOR.md, "IPFIX over TCP and TLS"');
    stream.destroy();
  }

  #refresh(): void {
    const { log, warn } = this.#dependencies;
    try {
      const found = readCredentials(this.#configuration);
      const { cert, key, ca } = this.#credentials;
      if (found.cert === cert && found.key === key && found.ca === ca) return;
      this.#credentials = found;
      this.#server.setSecureContext({ ...found, minVersion: 'TLSv1.2' });
      log.info('the certificates of the TLS ports changed; new connections use the new ones');
    } catch (error) {
      warn(
        '',
        { err: error },
        'the changed certificates of the TLS ports cannot be used; the old ones stay in use until the files are repaired',
      );
    }
  }
}
