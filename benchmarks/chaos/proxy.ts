// HTTP between enrichers and ClickHouse that goes wrong on purpose: inserts get errors, no answer, or a connection that is
// cut after the insert was delivered. The last is the worst of them: the server goes on with what its client takes for
// failed and sends again, so both run at once.

import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Random } from '../random.ts';

export const PROXY_FAULTS = ['refused', 'failed', 'hung', 'cut when delivered', 'cut when stored'] as const;
export type ProxyFault = (typeof PROXY_FAULTS)[number];

export interface FaultyProxy {
  readonly url: string;
  /** Share of the inserts that go wrong from now on. */
  setFaults(share: number): void;
  readonly counts: Readonly<Record<ProxyFault, number>>;
  close(): Promise<void>;
}

export interface FaultyProxyOptions {
  readonly target: string;
  readonly random: Random;
  /** How long an insert that gets no answer waits for its connection to be cut. */
  readonly hangMs: number;
}

/** As ClickHouse reports it, so that the client classes it. */
const OUT_OF_MEMORY = 'Code: 241. DB::Exception: Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED)';

export async function startFaultyProxy({ target, random, hangMs }: FaultyProxyOptions): Promise<FaultyProxy> {
  const { hostname, port } = new URL(target);
  const counts = Object.fromEntries(PROXY_FAULTS.map(fault => [fault, 0])) as Record<ProxyFault, number>;
  let share = 0;

  function forward(incoming: IncomingMessage, outgoing: ServerResponse, fault?: ProxyFault): void {
    const { method, url, headers } = incoming;
    const onward = request({ hostname, port, method, path: url, headers, agent: false }, answer => {
      if (fault) {
        answer.resume();
        answer.on('end', () => outgoing.destroy());
        answer.on('error', () => outgoing.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    // A client that dies in the middle leaves half an insert; one that was cut off has delivered all of it.
    outgoing.on('close', () => {
      if (!outgoing.writableFinished && fault === undefined) onward.destroy();
    });
    incoming.on('error', () => onward.destroy());
    incoming.pipe(onward);
    if (fault === 'cut when delivered') onward.on('finish', () => outgoing.destroy());
  }

  function refuse(incoming: IncomingMessage, outgoing: ServerResponse, status: number, text: string): void {
    incoming.resume();
    incoming.on('end', () => {
      outgoing.writeHead(status, status === 500 ? { 'x-clickhouse-exception-code': '241' } : {});
      outgoing.end(text);
    });
  }

  const server = createServer((incoming, outgoing) => {
    const isInsert = /INSERT/i.test(decodeURIComponent(incoming.url ?? ''));
    if (!isInsert || random.unit() >= share) return forward(incoming, outgoing);
    const fault = PROXY_FAULTS[random.below(PROXY_FAULTS.length)]!;
    counts[fault]++;
    if (fault === 'refused') return refuse(incoming, outgoing, 503, 'no server is available');
    if (fault === 'failed') return refuse(incoming, outgoing, 500, OUT_OF_MEMORY);
    if (fault !== 'hung') return forward(incoming, outgoing, fault);
    incoming.resume();
    setTimeout(() => outgoing.destroy(), hangMs);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setFaults(next) {
      share = next;
    },
    counts,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
