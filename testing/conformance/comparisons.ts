// All comparisons with all oracles, over the whole corpus.

import type { Agreement } from './agreement.ts';
import { type Corpus, decodeAll } from './corpus.ts';
import { columnsReadOtherwise, unreportedOf } from './disagreements.ts';
import { compareFilebeat, filebeatCases } from './filebeat-oracle.ts';
import { compareNetGauze } from './netgauze-oracle.ts';
import { comparePmacct } from './pmacct-oracle.ts';
import { compareTcpdump } from './tcpdump-oracle.ts';
import { dissect } from './tshark.ts';
import { compareTshark } from './tshark-oracle.ts';

export async function compareCorpus({ all, captures, units }: Corpus): Promise<Agreement[]> {
  // tshark works in processes of its own, while the others are compared here.
  const dissected = dissect(units.map(unit => unit.datagrams));
  const goldens = (folder: string, name: RegExp) => all.filter(file => file.startsWith(folder) && name.test(file));
  const agreements = [
    ...goldens('NetGauze/', /-flow\.json$/).map(compareNetGauze),
    ...goldens('pmacct/', /\.json$/).map(golden => {
      const folder = golden.slice(0, golden.lastIndexOf('/') + 1);
      return comparePmacct(
        golden,
        captures.filter(file => file.startsWith(folder)),
      );
    }),
    ...filebeatCases().map(one =>
      compareFilebeat(one, unreportedOf('filebeat', one.golden), columnsReadOtherwise('filebeat', one.golden)),
    ),
    ...goldens('tcpdump/', /\.out$/).map(compareTcpdump),
  ];
  const frames = await dissected;
  const byTshark = units.map((unit, i) => {
    const subject = unit.files.at(-1)!;
    const columns = columnsReadOtherwise('tshark', subject);
    return compareTshark(unit, frames[i]!, decodeAll(unit.datagrams), unreportedOf('tshark', subject), columns);
  });
  return [...byTshark, ...agreements];
}
