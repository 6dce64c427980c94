// Version 2 of the truth about a load: written from packets before any exporter saw them. Its schema is published as
// docs/truth.schema.json, so that any program can be judged by it. All volumes are IP bytes, each packet once, however
// many devices saw it; a packet that was dropped on its way is in none of them. Version 1 is load/truth.ts.

import { type Static, Type } from 'typebox';
import { documentChecker } from '../../schemas/documents.ts';

const closed = { additionalProperties: false } as const;
const Count = Type.Integer({ minimum: 0 });
const Time = Type.String({ format: 'date-time' });
const Name = Type.String();

export const CHANGE_KINDS = ['moved', 'readdressed', 'stopped', 'started', 'rate', 'silent', 'restarted'] as const;

const Volume = { bytes: Count, packets: Count } as const;
const about = (description: string) => ({ ...closed, description });

const Cell = Type.Object(
  {
    src: Name,
    dst: Name,
    ...Volume,
    unseenBytes: Type.Integer({ minimum: 0, description: 'Part of bytes that passed no live exporter at all.' }),
    samplingRate: Type.Integer({
      minimum: 1,
      description: 'Largest 1 in N by which its packets were first seen; 1: an answer must agree to the byte.',
    }),
    expectedSamples: Type.Number({ minimum: 0, description: 'Sum over packets of 1/N where each was first seen.' }),
    portShare: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Largest share of a port that this cell has, of packets, among the ports where it was first seen.',
    }),
  },
  about('bytes sent by src to dst, by the names that were valid when each packet was sent'),
);

export const TruthV2 = Type.Object(
  {
    version: Type.Literal(2),
    scenario: Name,
    options: Type.Record(Type.String(), Type.Unknown(), {
      description: 'Options of the load; the same give the same.',
    }),
    clock: Type.Union([Type.Literal('real'), Type.Literal('simulated')]),
    from: Time,
    to: Time,
    ...Volume,
    discarded: Type.Object(Volume, about('packets that a device dropped; part of nothing else here')),
    applications: Type.Array(Cell, { description: 'The application matrix of the whole window.' }),
    minutes: Type.Array(Type.Object({ start: Time, src: Name, dst: Name, ...Volume }, closed), {
      description: 'The application matrix by minute, for the minutes around each change.',
    }),
    cells: Type.Array(
      Type.Object(
        {
          src: Name,
          dst: Name,
          srcApp: Name,
          dstApp: Name,
          service: Type.String({ description: 'tcp/443' }),
          links: Type.Array(Name, { description: 'Ports that the packets came in by, in order: device/ifIndex.' }),
          ...Volume,
          buckets: Type.Array(Type.Object({ start: Time, ...Volume }, closed), { description: 'By 5 minutes.' }),
        },
        closed,
      ),
      { description: 'By pair of machines, service and path.' },
    ),
    exporters: Type.Array(
      Type.Object(
        {
          name: Name,
          address: Name,
          domain: Count,
          protocol: Name,
          samplingRate: Type.Integer({ minimum: 1 }),
          datagrams: Count,
          records: Count,
          lostDatagrams: Count,
          lostRecords: Count,
          lostBytes: Type.Integer({
            minimum: 0,
            description: 'Bytes as the lost records reported them, not multiplied.',
          }),
          silentFrom: Type.Optional(Time),
        },
        about('lost is what was taken away on the way to the collector'),
      ),
    ),
    ports: Type.Array(
      Type.Object({ exporter: Name, ifIndex: Count, direction: Name, ...Volume }, about('what each meter was passed')),
    ),
    invisible: Type.Array(
      Type.Object(
        { src: Name, dst: Name, from: Time, to: Time },
        about('VM pairs whose packets no live exporter can see'),
      ),
    ),
    unreachable: Type.Array(Type.Object({ src: Name, dst: Name, from: Time, to: Time }, closed), {
      description: 'VM pairs whose packets are dropped.',
    }),
    changes: Type.Array(
      Type.Object(
        {
          at: Time,
          kind: Type.Enum([...CHANGE_KINDS] as unknown as typeof CHANGE_KINDS),
          subject: Name,
          from: Type.Optional(Name),
          to: Type.Optional(Name),
          knownAt: Type.Optional(Time),
        },
        about('what changed while packets flowed; knownAt: when the inventory reported it'),
      ),
    ),
  },
  {
    ...closed,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Truth of a Hairpin load, version 2',
  },
);
export type TruthV2 = Static<typeof TruthV2>;

export const truthV2Checker = documentChecker(TruthV2);

/** docs/truth.schema.json; truth.test.ts writes it and fails when it has drifted. */
export function truthSchemaDocument(): string {
  return `${JSON.stringify(TruthV2, null, 2)}\n`;
}
