// A session: a source address and port, or a connection, with the domains that were seen from there.

import type { Domain, TemplateCount } from './domain.ts';
import type { Holder } from './pending.ts';
import { type Member, NEVER } from './roster.ts';

const TWO_32 = 4294967296;

/** TCP and UDP have port numbers of their own: sessions of connections are kept under a port beyond those of UDP. */
const CONNECTION_PORTS = 65536;

export function isConnectionPort(port: number): boolean {
  return port >= CONNECTION_PORTS;
}

/** The port under which the messages of the nth connection (from 1) are decoded, like no other; endSession() must follow. */
export function connectionPort(port: number, connection: number): number {
  return CONNECTION_PORTS * connection + port;
}

export class Session implements Member, Holder {
  readonly addressText: string;
  readonly address: Uint32Array;
  readonly port: number;
  readonly domains = new Map<number, Domain>();
  readonly templateCount: TemplateCount;
  /** False: known for the datagram at hand only. */
  readonly admitted: boolean;
  last: Domain | undefined;
  lastReceivedMs: number;
  provenMs = NEVER;
  firstProvenMs?: number;
  isSettled = false;
  isKnown = false;
  pendingBytes = 0;

  constructor(
    addressText: string,
    address: Uint32Array,
    port: number,
    templateCount: TemplateCount,
    admitted: boolean,
    nowMs: number,
  ) {
    this.addressText = addressText;
    this.address = address;
    this.port = port;
    this.templateCount = templateCount;
    this.admitted = admitted;
    this.lastReceivedMs = nowMs;
  }

  /** RFC 7011 10.4.3: what it announces lives as long as the connection; nothing is journalled, taken over or expires. */
  get isConnection(): boolean {
    return isConnectionPort(this.port);
  }

  forget(domain: Domain): void {
    this.domains.delete(keyOf(domain.protocol, domain.id));
    this.last = undefined;
  }
}

/** The key of a domain among those of its session. */
export function keyOf(protocol: number, id: number): number {
  return protocol * TWO_32 + id;
}

export function oldestUnproven(session: Session): Domain | undefined {
  for (const domain of session.domains.values()) if (domain.provenMs === NEVER) return domain;
  return undefined;
}
