// Counters of the interfaces that are a link: what the switch at either end counted itself, where it is a registered exporter
// that reports counters. A LAG is its own interface where that reports, else the sum of its members where all of them do.

import { canonicalAddress } from '../../schemas/address.ts';
import type { LinkCounters, LinkPort, PlanStatement, PlanWindow } from '../../schemas/planning.ts';
import type { DirectedLoad } from './loads.ts';
import type { State } from './wiring-slices.ts';

interface CounterRow {
  readonly address: string;
  readonly port: number;
  readonly coveredMs: string;
  readonly arrived: string;
  readonly sent: string;
  readonly arrivedPackets: string;
  readonly sentPackets: string;
  readonly speed: string;
}

const SQL = `
SELECT toString(i.exporter) AS address, i.ifIndex AS port, toString(sum(i.coveredMs)) AS coveredMs,
  toString(sum(i.inOctets)) AS arrived, toString(sum(i.outOctets)) AS sent,
  toString(sum(i.inPackets)) AS arrivedPackets, toString(sum(i.outPackets)) AS sentPackets, toString(argMax(i.speedBps, i.minute)) AS speed
FROM interfaces AS i
WHERE i.minute >= fromUnixTimestamp64Milli({from:Int64}) AND i.minute < fromUnixTimestamp64Milli({to:Int64})
  AND (i.exporter, i.ifIndex) IN (SELECT arrayJoin(arrayZip({exporters:Array(IPv6)}, {ports:Array(UInt32)})))
GROUP BY i.exporter, i.ifIndex`;

export class CounterPorts {
  /** Addresses of the exporters that a switch is, in the newest registry. */
  readonly #addresses = new Map<string, string[]>();

  constructor(states: readonly State[]) {
    for (const { switch: id, address } of states.at(-1)?.exporters.exporters ?? []) {
      if (id === undefined) continue;
      const known = this.#addresses.get(id) ?? [];
      const written = canonicalAddress(address);
      if (!known.includes(written)) this.#addresses.set(id, [...known, written]);
    }
  }

  /** By name of the load. */
  async read(
    select: (statement: PlanStatement) => Promise<CounterRow[]>,
    { fromMs, toMs }: Pick<PlanWindow, 'fromMs' | 'toMs'>,
    loads: readonly DirectedLoad[],
  ): Promise<ReadonlyMap<string, LinkCounters>> {
    const wanted = loads.flatMap(({ link }) =>
      link.ends.flatMap(({ kind, id, ports }) => this.#named(kind, id, ports)),
    );
    if (wanted.length === 0) return new Map();
    const exporters = wanted.map(({ address }) => address);
    const ports = wanted.map(({ ifIndex }) => ifIndex);
    const rows = await select({
      sql: SQL,
      params: { from: Math.floor(fromMs), to: Math.ceil(toMs), exporters, ports },
    });
    const byPort = new Map(rows.map(row => [`${canonicalAddress(row.address)} ${row.port}`, row]));
    const found = new Map<string, LinkCounters>();
    for (const load of loads) {
      const counters = this.#countersOf(load, byPort);
      if (counters) found.set(load.name, counters);
    }
    return found;
  }

  #countersOf({ link, direction }: DirectedLoad, byPort: ReadonlyMap<string, CounterRow>): LinkCounters | undefined {
    for (const [at, { kind, id, ports }] of link.ends.entries()) {
      if (kind !== 'switch') continue;
      for (const address of this.#addresses.get(id) ?? []) {
        const rows = rowsOf(ports, ifIndex => byPort.get(`${address} ${ifIndex}`));
        // Packets towards an end arrive at its port if they come from the other one.
        if (rows) return sumOf(rows, direction !== at, `${address} ${rows.map(({ port }) => port).join('+')}`);
      }
    }
    return undefined;
  }

  #named(kind: string, id: string, ports: readonly LinkPort[]): { address: string; ifIndex: number }[] {
    if (kind !== 'switch') return [];
    const indexes = ports.flatMap(({ ifIndex }) => ifIndex ?? []);
    return (this.#addresses.get(id) ?? []).flatMap(address => indexes.map(ifIndex => ({ address, ifIndex })));
  }
}

/** Rows of the roots, or of all members of a root that has none; undefined where some are missing. */
function rowsOf(
  ports: readonly LinkPort[],
  rowAt: (ifIndex: number) => CounterRow | undefined,
): readonly CounterRow[] | undefined {
  const roots = new Set(ports.flatMap(({ ifIndex, lag }) => lag ?? ifIndex ?? []));
  const rows: CounterRow[] = [];
  for (const root of roots) {
    const own = rowAt(root);
    const members = ports.filter(({ lag }) => lag === root).map(({ ifIndex }) => rowAt(ifIndex!));
    if (own) rows.push(own);
    else if (members.length > 0 && members.every(row => row !== undefined)) rows.push(...members);
    else return undefined;
  }
  return rows.length > 0 ? rows : undefined;
}

function sumOf(rows: readonly CounterRow[], isArriving: boolean, by: string): LinkCounters {
  const sum = (of: (row: CounterRow) => string) => rows.reduce((total, row) => total + Number(of(row)), 0);
  return {
    octets: sum(row => (isArriving ? row.arrived : row.sent)),
    packets: sum(row => (isArriving ? row.arrivedPackets : row.sentPackets)),
    // The port that is covered least.
    coveredMs: rows.reduce((least, { coveredMs }) => Math.min(least, Number(coveredMs)), Number.POSITIVE_INFINITY),
    speedBps: rows.every(({ speed }) => Number(speed) > 0) ? sum(row => row.speed) : 0,
    by,
  };
}
