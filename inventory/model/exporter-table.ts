// The exporter registry, compiled: (address, domain, protocol) to the registered exporter that fits best. Exporters are
// numbered from 1 in the order of the document; 0 is one that nobody registered.

import { parseAddress, swap32 } from '../../schemas/address.ts';
import { PROTOCOL } from '../../schemas/codes.ts';
import type { ExporterRegistry, RegisteredExporter } from '../../schemas/exporters.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import { createHashTable } from '../lookup/hash-table.ts';

export const EXPORTERS_MAX = 65_536;

/** What the registry says of an exporter's own scaling; `reported`: what its templates report holds. */
export const PRESCALED = { reported: 0, yes: 1, no: 2 } as const;

export interface ExporterTable {
  /** Writes each row's exporter number. */
  resolve(columns: FlowColumns, from: number, to: number, numbers: Uint32Array): void;
  /** By number, whether the exporter multiplies by its sampling rate itself: a code of PRESCALED. */
  readonly prescaled: Uint8Array;
  /** By number: the sampling rate that replaces the reported one, 0 none. */
  readonly samplingRate: Uint32Array;
}

export function compileExporters(registry: ExporterRegistry, exportersMax = EXPORTERS_MAX): ExporterTable {
  const { exporters } = registry;
  const byAddress = Map.groupBy(exporters.keys(), at => String(parseAddress(exporters[at]!.address)));
  const cache = createHashTable(6, exportersMax);
  const key = new Uint32Array(6);

  /** The entry that names domain and protocol wins over one that names the domain, that over the protocol, that over neither. */
  const bestFit = (): number => {
    const address = String([swap32(key[0]!), swap32(key[1]!), swap32(key[2]!), swap32(key[3]!)]);
    let best = 0;
    let bestScore = -1;
    for (const at of byAddress.get(address) ?? []) {
      const { domain, protocol } = exporters[at]!;
      if (domain !== undefined && domain !== key[4]) continue;
      if (protocol !== undefined && PROTOCOL[protocol] !== key[5]) continue;
      const score = (domain === undefined ? 0 : 2) + (protocol === undefined ? 0 : 1);
      if (score > bestScore) [best, bestScore] = [at + 1, score];
    }
    return best;
  };

  const lookUp = (): number => {
    const known = cache.find(key, 0);
    if (known >= 0) return known;
    const number = bestFit();
    if (!cache.insert(key, 0, number)) {
      cache.clear();
      cache.insert(key, 0, number);
    }
    return number;
  };

  const byNumber = (value: (exporter: RegisteredExporter) => number) => [0, ...exporters.map(value)];
  return {
    prescaled: Uint8Array.from(
      byNumber(
        exporter => PRESCALED[exporter.prescaled === undefined ? 'reported' : exporter.prescaled ? 'yes' : 'no'],
      ),
    ),
    samplingRate: Uint32Array.from(byNumber(exporter => exporter.samplingRate ?? 0)),
    resolve({ exporter, observationDomain, protocol }, from, to, numbers) {
      if (exporters.length === 0) {
        numbers.fill(0, from, to);
        return;
      }
      let number = -1;
      for (let row = from; row < to; row++) {
        // The records of one datagram stand together, and mostly more than one datagram of an exporter.
        const same =
          number >= 0 &&
          exporter[4 * row + 3] === key[3] &&
          exporter[4 * row + 2] === key[2] &&
          exporter[4 * row + 1] === key[1] &&
          exporter[4 * row] === key[0] &&
          observationDomain[row] === key[4] &&
          protocol[row] === key[5];
        if (!same) {
          for (let i = 0; i < 4; i++) key[i] = exporter[4 * row + i]!;
          key[4] = observationDomain[row]!;
          key[5] = protocol[row]!;
          number = lookUp();
        }
        numbers[row] = number;
      }
    },
  };
}
