// The samples of an sFlow 5 datagram (collector/decode/sflow/datagram.ts has its layout), each with its head and every
// record under the name of its structure. What is not in a table, and what follows the fields that are, is printed as
// octets under `data`. Ends where the datagram no longer fits.

import { nextStructure } from '../../decode/sflow/structure-walk.ts';
import { type StructureKind, sflowStructureName } from '../../decode/sflow/structures.ts';
import { type Entry, MemberList, type Members, type Shown } from './element-text.ts';
import { COUNTER_LAYOUTS, DATAGRAM_LAYOUT, FLOW_LAYOUTS, SAMPLE_LAYOUTS } from './sflow-layouts.ts';
import { type Layout, XdrReader } from './xdr.ts';

const VERSION_BYTES = 4;
/** Type and length before each structure. */
const HEAD_BYTES = 8;

const COUNTERS_SAMPLES: ReadonlySet<string> = new Set(['0.2', '0.4']);
/** flow_sample: class and index, and format and value, share a word each. */
const FLOW_SAMPLE = '0.1';
const COUNTERS_SAMPLE = '0.2';

type Source = Pick<Entry, 'port' | 'receivedAtMs'>;

/** The header and every sample; `view` is the whole datagram. */
export function* sflowEntries(view: DataView, source: Source): Iterable<Entry> {
  const end = view.byteLength;
  const reader = new XdrReader(view, VERSION_BYTES, end);
  const header = reader.fields(DATAGRAM_LAYOUT);
  const samples = header.get('samples')?.value;
  if (typeof samples !== 'number') return;
  const shared = {
    ...source,
    exporter: String(header.get('agent_address')!.value),
    protocol: 'sflow5',
    domain: Number(header.get('sub_agent_id')!.value),
  };
  yield { ...shared, kind: 'header', elements: header };
  for (const { type, name, start, length } of structures(view, 'sample', samples, reader.at, end)) {
    const elements = sampleElements(view, type, start, start + length);
    yield { ...shared, kind: 'sample', layout: ['structure', name], elements };
  }
}

interface Structure {
  /** Enterprise and format. */
  readonly type: string;
  readonly name: string;
  readonly start: number;
  readonly length: number;
}

function* structures(
  view: DataView,
  kind: StructureKind,
  count: number,
  start: number,
  end: number,
): Iterable<Structure> {
  let offset = start;
  for (let i = 0; i < count && offset + HEAD_BYTES <= end; i++) {
    const word = view.getUint32(offset);
    const length = view.getUint32(offset + 4);
    const content = offset + HEAD_BYTES;
    if (length > end - content) return;
    const type = `${word >>> 12}.${word & 0xfff}`;
    yield { type, name: sflowStructureName(kind, word >>> 12, word & 0xfff) ?? type, start: content, length };
    offset = nextStructure(view, content, length, end);
  }
}

function sampleElements(view: DataView, type: string, start: number, end: number): Members {
  const layout = SAMPLE_LAYOUTS[type];
  if (!layout) return elementsOf(view, undefined, start, end);
  const reader = new XdrReader(view, start, end);
  const list = new MemberList();
  for (const [name, { value }] of reader.fields(layout)) list.add(name, headValue(type, name, value));
  const count = list.members.get('records')?.value;
  if (typeof count !== 'number') return list.members;
  const counters = COUNTERS_SAMPLES.has(type);
  const layouts = counters ? COUNTER_LAYOUTS : FLOW_LAYOUTS;
  for (const record of structures(view, counters ? 'counter' : 'flow', count, reader.at, end)) {
    const stop = record.start + record.length;
    list.add(record.name, elementsOf(view, layouts[record.type], record.start, stop));
  }
  return list.members;
}

/** A head of either form says the same under the same names. */
function headValue(type: string, name: string, value: Shown): Shown {
  if (typeof value !== 'number') return value;
  if (name === 'source_id' && (type === FLOW_SAMPLE || type === COUNTERS_SAMPLE))
    return pair('source_id_type', value >>> 24, 'source_id_index', value & 0xffffff);
  if ((name === 'input' || name === 'output') && type === FLOW_SAMPLE)
    return pair('format', value >>> 30, 'value', value & 0x3fffffff);
  return value;
}

function pair(first: string, a: number, second: string, b: number): Members {
  const list = new MemberList();
  list.add(first, a);
  list.add(second, b);
  return list.members;
}

/** The fields that are known, and what is left as octets. */
function elementsOf(view: DataView, layout: Layout | undefined, start: number, end: number): Members {
  const reader = new XdrReader(view, start, end);
  const members = reader.fields(layout ?? []);
  const rest = reader.rest();
  if (rest !== '') members.set('data', { value: rest, units: '' });
  return members;
}
