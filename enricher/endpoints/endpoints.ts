// From (address, MAC, and where it was seen) to an endpoint: the offset of its entry in a bounded table (endpoint-table.ts).
// What an entry says is found out once per distinct key (entry-filler.ts).

import type { ExporterContext } from '../../inventory/model/exporter-context.ts';
import type { Topology } from '../../inventory/model/topology.ts';
import type { Snapshot } from '../../inventory/snapshot/snapshot.ts';
import { DIRECTION } from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import { BLOCK_ROWS, ENTRIES_MAX, ENTRY, EndpointTable, KEY_WORDS } from '../entries/endpoint-table.ts';
import type { RowOffsets } from '../entries/row-offsets.ts';
import { EntryFiller, STATION_MARK, VRF_BIT } from './entry-filler.ts';
import { tagOf } from './identity.ts';
import { Locations } from './locations.ts';
import type { NodeNames } from './node-names.ts';

export const ENDPOINTS_MAX = ENTRIES_MAX;

/** Two for each record of the largest batch. */
const LIKELY_KEYS_MAX = 131_072;

export class Endpoints {
  readonly #topology: Topology;
  readonly #exporterContext: ExporterContext;
  readonly #endpointsMax: number;
  readonly #locations: Locations;
  readonly #filler: EntryFiller;
  readonly #table: EndpointTable;
  readonly #endsPerRow: number;
  readonly #needsExtras: boolean;
  readonly #tags = new Uint32Array(BLOCK_ROWS);
  readonly #srcExtras = new Uint32Array(BLOCK_ROWS);
  readonly #dstExtras: Uint32Array;
  readonly #stationKey = new Uint32Array(KEY_WORDS);
  readonly #port = new Uint32Array(2);
  readonly #vrfKey = new Uint32Array(5);
  #resets = 0;

  constructor(snapshot: Snapshot, names: NodeNames, endpointsMax = ENDPOINTS_MAX) {
    const { topology, exporterContext } = snapshot;
    this.#topology = topology;
    this.#exporterContext = exporterContext;
    this.#endpointsMax = endpointsMax;
    this.#locations = new Locations(topology, names);
    const filler = new EntryFiller(snapshot, this.#locations, names);
    this.#filler = filler;
    this.#table = new EndpointTable(endpointsMax, (entries, at) => filler.fill(entries, at));
    this.#endsPerRow = topology.knowsStations ? 3 : 2;
    this.#needsExtras = exporterContext.knowsVrfs || (topology.sharesMacs && exporterContext.knowsPorts);
    this.#dstExtras = this.#needsExtras ? new Uint32Array(BLOCK_ROWS) : this.#srcExtras;
  }

  /** Fills `src` and `dst` of rows `from` to `to`: offsets into `entries`, good until the next call. */
  resolve(columns: FlowColumns, from: number, to: number, { exporters, src, dst }: RowOffsets): void {
    // Emptied between calls only, so that offsets handed out stay good for all rows of one.
    const { size } = this.#table;
    const isFull = size > 0 && size + this.#endsPerRow * (to - from) > this.#endpointsMax;
    // Moves make locations without ends.
    if (isFull || this.#locations.size > this.#endpointsMax) this.#clear();
    const { srcAddr, dstAddr, srcMac, dstMac } = columns;
    const tags = this.#tags;
    const senders = { address: srcAddr, mac: srcMac, tags, extras: this.#srcExtras };
    const receivers = { address: dstAddr, mac: dstMac, tags, extras: this.#dstExtras };
    for (let block = from; block < to; block += BLOCK_ROWS) {
      const end = Math.min(to, block + BLOCK_ROWS);
      if (this.#topology.knowsSegments) this.#fillTags(columns, block, end, exporters);
      if (this.#needsExtras) this.#fillExtras(columns, block, end, exporters);
      this.#table.resolve(senders, block, end, src);
      this.#table.resolve(receivers, block, end, dst);
    }
    if (!this.#topology.knowsStations) return;
    for (let row = from; row < to; row++) this.#useStation(columns, row, exporters[row]!, src, dst);
  }

  /** Offset of where the end of an entry has moved to: a host (position from 1), 0 unknown. */
  movedTo(entry: number, host: number): number {
    return this.#locations.movedTo(this.#table.entries[entry + ENTRY.location]!, host);
  }

  /** Entries that are found again. */
  get size(): number {
    return this.#table.size;
  }

  /** Words of the entries, ENTRY.words each. Grows while rows are resolved: read it again for each block. */
  get entries(): Uint32Array {
    return this.#table.entries;
  }

  /** LOCATION.words for each location. Grows while rows are resolved: read it again for each block. */
  get locations(): Uint32Array {
    return this.#locations.words;
  }

  /** The owner that an entry is of, NO_OWNER where it has none. */
  ownerOf(entry: number): number {
    return this.#filler.ownerOf(entry);
  }

  /** Called when a record uses the automatic node of an entry for the first time, so that only nodes in use get names. */
  useAuto(entry: number): void {
    this.#filler.useAuto(entry);
  }

  /** Keys of the entries at these offsets, and of those that were made last: what is likely to be met. */
  likelyKeys(offsets: readonly Uint32Array[], rows: number): Uint32Array {
    return this.#table.keys(offsets, rows, LIKELY_KEYS_MAX);
  }

  /** Makes the entry of a key of another snapshot's, at `from` of `keys`, unless it is there. */
  know(keys: Uint32Array, from: number): void {
    // A station is an owner's number, which is another's here. Sites, ports and VRFs are numbers too: where those changed, the
    // entry is one that nothing looks for.
    if (keys[from + ENTRY.mac + 1] !== STATION_MARK) this.#table.at(keys, from);
  }

  /** Times the cache was full and emptied. */
  get resets(): number {
    return this.#resets;
  }

  #clear(): void {
    this.#table.clear();
    this.#locations.clear();
    this.#filler.clear();
    this.#resets++;
  }

  #fillTags({ vlan, vni }: FlowColumns, from: number, to: number, exporters: Uint32Array): void {
    const tags = this.#tags;
    const { siteOf } = this.#exporterContext;
    for (let row = from; row < to; row++) tags[row - from] = tagOf(siteOf[exporters[row]!]!, vlan[row]!, vni[row]!);
  }

  #fillExtras(columns: FlowColumns, from: number, to: number, exporters: Uint32Array): void {
    const { srcMac, dstMac, inIf, outIf } = columns;
    for (let row = from; row < to; row++) {
      const vrf = this.#rowVrf(columns, row);
      this.#srcExtras[row - from] = vrf || this.#rowPort(srcMac, row, exporters[row]!, inIf[row]!);
      this.#dstExtras[row - from] = vrf || this.#rowPort(dstMac, row, exporters[row]!, outIf[row]!);
    }
  }

  /** Segment and site as far as the record has them and the inventory knows any. */
  #rowTag({ vlan, vni }: FlowColumns, row: number, exporter: number): number {
    if (!this.#topology.knowsSegments) return 0;
    return tagOf(this.#exporterContext.siteOf[exporter]!, vlan[row]!, vni[row]!);
  }

  /** The VRF that the exporter's number means, with VRF_BIT; 0 where nothing is known of it. */
  #rowVrf({ exporter, vrf }: FlowColumns, row: number): number {
    if (!this.#exporterContext.knowsVrfs || vrf[row] === 0) return 0;
    const key = this.#vrfKey;
    for (let i = 0; i < 4; i++) key[i] = exporter[4 * row + i]!;
    key[4] = vrf[row]!;
    const found = this.#exporterContext.vrfs.find(key, 0);
    return found <= 0 ? 0 : (VRF_BIT | found) >>> 0;
  }

  /** What is behind the port, where the MAC has several owners. */
  #rowPort(mac: Uint32Array, row: number, exporter: number, ifIndex: number): number {
    const { knowsPorts, behindPort } = this.#exporterContext;
    if (!knowsPorts || !this.#topology.sharesMacs || !this.#topology.isSharedMac(mac, 2 * row)) return 0;
    this.#port[0] = exporter;
    this.#port[1] = ifIndex;
    return Math.max(0, behindPort.find(this.#port, 0));
  }

  /** Puts the station that a record names in the place of the end that it is. */
  #useStation(columns: FlowColumns, row: number, exporter: number, src: Uint32Array, dst: Uint32Array): void {
    const { stationId, direction, srcAddr, dstAddr } = columns;
    const at = 4 * row;
    if ((stationId[at]! | stationId[at + 1]! | stationId[at + 2]! | stationId[at + 3]!) === 0) return;
    const named = this.#topology.byStation.find(stationId, at);
    if (named < 0) return;
    const key = this.#stationKey;
    key[ENTRY.mac] = named;
    key[ENTRY.mac + 1] = STATION_MARK;
    key[ENTRY.tag] = this.#rowTag(columns, row, exporter);
    key[ENTRY.extra] = this.#rowVrf(columns, row);
    // The interface towards a station is an ingress for what it sends and an egress for what it gets.
    if (direction[row] === DIRECTION.egress) dst[row] = this.#stationEntry(dstAddr, at);
    else {
      const sender = this.#stationEntry(srcAddr, at);
      const { entries } = this.#table;
      const isReceiver =
        direction[row] === DIRECTION.unknown &&
        entries[dst[row]! + ENTRY.vm] === entries[sender + ENTRY.vm] &&
        entries[dst[row]! + ENTRY.vm + 1] === entries[sender + ENTRY.vm + 1];
      if (!isReceiver) src[row] = sender;
    }
  }

  /** Of the station in `#stationKey` with the address at `at`. */
  #stationEntry(address: Uint32Array, at: number): number {
    for (let i = 0; i < 4; i++) this.#stationKey[ENTRY.address + i] = address[at + i]!;
    return this.#table.at(this.#stationKey);
  }
}
