// What one sampled packet of a record may stand for, as storage/tables/spread.ts computes it in SQL: for programs that sum
// records without a database. largest.integration.test.ts compares both.

const PACKET_BYTES_MAX = [1500, 9216, 65_535] as const;

export interface SampledRecord {
  /** N of 1 in N; what is not above 1 is not sampled. */
  readonly samplingRate: number;
  readonly bytes: number;
  readonly packets: number;
  readonly packetBytesMax: number;
}

export function largestBytesOf({ samplingRate, bytes, packets, packetBytesMax }: SampledRecord): number {
  if (samplingRate <= 1) return 0;
  const longest = Math.max(packetBytesMax, packets > 0 ? bytes / packets : bytes);
  const most = PACKET_BYTES_MAX.find(max => longest <= max) ?? PACKET_BYTES_MAX[2];
  return roundedUp(samplingRate * most);
}

function roundedUp(value: number): number {
  const unit = 2 ** (Math.floor(Math.log2(value)) - 3);
  return Math.ceil(Math.ceil(value / unit) * unit);
}
