// Where endpoints stand: keys and positions of host, rack, site and vSwitch. VMs of one vSwitch share a location, so that all
// locations together stay in the processor's cache, and entries stay short.

import { OWNER_KIND, type Topology } from '../../inventory/model/topology.ts';
import { hashedKey, type Key, NO_KEY } from '../../schemas/keys.ts';
import type { NodeNames } from './node-names.ts';

/** Words of a location. Positions count from 1, 0 is unknown. */
export const LOCATION = { host: 0, rack: 2, vswitchAt: 4, hostAt: 5, rackAt: 6, siteAt: 7, words: 8 } as const;

export interface Locations {
  /** Offset of the location where an owner stands; 0, which is nowhere, without one. */
  ofOwner(owner: number): number;
  /** Offset of the location of a host (position from 1), -1 when the inventory does not have it. */
  ofHost(position: number): number;
  clear(): void;
  /** Grows as locations are met: read it again for each block. */
  readonly words: Uint32Array;
}

/** Names of hosts and racks are announced as they are met. */
export function createLocations(topology: Topology, names: NodeNames): Locations {
  const { vswitch, host, rack, site } = topology;
  const sites = 1 + site.reduce((most, position) => Math.max(most, position), 0);
  const offsets = new Map<string | number, number>();
  const hostOwners = new Map<number, number>();
  const keys = new Map<string, Key>();
  let words = new Uint32Array(64 * LOCATION.words);
  let end: number = LOCATION.words;

  /** Hosts and racks are shared by many owners and hashed once. */
  const keyOf = (nodeClass: 'host' | 'rack', position: number): Key => {
    if (position === 0) return NO_KEY;
    const at = `${nodeClass} ${position}`;
    const known = keys.get(at);
    if (known) return known;
    const { id, name } = nodeClass === 'host' ? topology.hostText(position) : topology.rackText(position);
    const key = hashedKey(nodeClass, id);
    names.announce(key, name, id);
    keys.set(at, key);
    return key;
  };

  const ofOwner = (owner: number): number => {
    if (owner < 0) return 0;
    const at = [vswitch[owner]!, host[owner]!, rack[owner]!, site[owner]!] as const;
    // A vSwitch is of one host in one rack; the site may be that of the segment.
    const name = at[0] === 0 ? at.join() : at[0] * sites + at[3];
    const known = offsets.get(name);
    if (known !== undefined) return known;
    if (end === words.length) {
      const grown = new Uint32Array(2 * words.length);
      grown.set(words);
      words = grown;
    }
    const hostKey = keyOf('host', at[1]);
    const rackKey = keyOf('rack', at[2]);
    words.set([hostKey.low, hostKey.high, rackKey.low, rackKey.high, ...at], end);
    offsets.set(name, end);
    end += LOCATION.words;
    return end - LOCATION.words;
  };

  return {
    ofOwner,
    ofHost(position) {
      let owner = hostOwners.get(position);
      if (owner === undefined) {
        owner = topology.kind.findIndex((kind, i) => kind === OWNER_KIND.vmkernel && host[i] === position);
        hostOwners.set(position, owner);
      }
      return owner < 0 ? -1 : ofOwner(owner);
    },
    clear() {
      offsets.clear();
      end = LOCATION.words;
    },
    get words() {
      return words;
    },
  };
}
