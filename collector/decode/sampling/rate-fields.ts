// The fields of a template that state a sampling rate, in options records and in data records alike, and the rate that
// they come to. Rates are N of 1 in N; 0 is unknown: not reported, reported as 0 (H3C does where it does not know), as all
// ones, or in a way that says nothing of packets.

import { readUint } from '../kernels.ts';
import { elementKey } from '../templated/elements.ts';
import type { FieldIndex, Place } from '../templated/field.ts';
import { lengthOf, offsetOf } from '../templated/record-fields.ts';

/** IANA elements that state a rate. */
const RATE_ELEMENTS = {
  samplingInterval: 34,
  samplerRandomInterval: 50,
  selectorAlgorithm: 304,
  samplingPacketInterval: 305,
  samplingPacketSpace: 306,
  samplingTimeInterval: 307,
  samplingTimeSpace: 308,
  samplingSize: 309,
  samplingPopulation: 310,
  samplingProbability: 311,
} as const;

export type RateFields = { readonly [name in keyof typeof RATE_ELEMENTS]?: Place };

/** RFC 5477 8.2.1, selectorAlgorithm: how a selector takes its packets. */
const ALGORITHM = { time: 2, randomOfSize: 3, probability: 4 } as const;

/** All ones is how exporters fill a field they have no value for. */
const NOT_TOLD = 0xffffffff;

export function rateFieldsOf(index: FieldIndex): RateFields | undefined {
  const found = Object.entries(RATE_ELEMENTS).flatMap(([name, id]) => {
    const place = index.placeOf(elementKey(0, id));
    return place ? [[name, place] as const] : [];
  });
  return found.length > 0 ? Object.fromEntries(found) : undefined;
}

/**
 * The same for data records; undefined where the plan copies all there is to copy: 34 or 50 alone, as most exporters that
 * state it at all do.
 */
export function rateFieldsBesides(index: FieldIndex): RateFields | undefined {
  const fields = rateFieldsOf(index);
  if (!fields || (Object.keys(fields).length === 1 && (fields.samplingInterval || fields.samplerRandomInterval)))
    return undefined;
  return fields;
}

/** The rate one record states; `start` is its offset, or LOCATED. 0 unknown. */
export function readRate(view: DataView, fields: RateFields, start: number): number {
  const stated = validRate(uint(view, fields.samplingInterval, start));
  if (stated !== 0) return stated;
  switch (uint(view, fields.selectorAlgorithm, start)) {
    case ALGORITHM.time:
      return fromTimes(view, fields, start);
    case ALGORITHM.randomOfSize:
      return fromSizes(view, fields, start) || fromPackets(view, fields, start);
    case ALGORITHM.probability:
      return fromProbability(view, fields, start) || fromPackets(view, fields, start);
    default:
      return fromPackets(view, fields, start) || fromProbability(view, fields, start) || fromSizes(view, fields, start);
  }
}

/** So many packets taken in a row, then so many not; or N itself (50). */
function fromPackets(view: DataView, fields: RateFields, start: number): number {
  const taken = uint(view, fields.samplingPacketInterval, start);
  const passed = uint(view, fields.samplingPacketSpace, start);
  return ratio(taken, passed) || validRate(uint(view, fields.samplerRandomInterval, start));
}

/** Spans of time instead of packets: volumes come out right on the average. */
function fromTimes(view: DataView, fields: RateFields, start: number): number {
  return ratio(uint(view, fields.samplingTimeInterval, start), uint(view, fields.samplingTimeSpace, start));
}

/** `size` of every `population`; the other way round is nonsense. */
function fromSizes(view: DataView, fields: RateFields, start: number): number {
  const size = uint(view, fields.samplingSize, start);
  const population = uint(view, fields.samplingPopulation, start);
  return size && population && population >= size ? validRate(Math.round(population / size)) : 0;
}

function fromProbability(view: DataView, fields: RateFields, start: number): number {
  const probability = float(view, fields.samplingProbability, start);
  return probability !== undefined && probability > 0 && probability <= 1 ? validRate(Math.round(1 / probability)) : 0;
}

function ratio(taken: number | undefined, passed: number | undefined): number {
  return taken && passed !== undefined ? validRate(Math.round((taken + passed) / taken)) : 0;
}

/** 0 where a number is no rate. */
export function validRate(rate: number | undefined): number {
  return rate !== undefined && rate >= 1 && rate < NOT_TOLD ? rate : 0;
}

function uint(view: DataView, place: Place | undefined, start: number): number | undefined {
  const length = place ? lengthOf(place, start) : 0;
  return place && length >= 1 && length <= 8 ? readUint(view, offsetOf(place, start), length) : undefined;
}

function float(view: DataView, place: Place | undefined, start: number): number | undefined {
  const length = place ? lengthOf(place, start) : 0;
  if (!place || (length !== 4 && length !== 8)) return undefined;
  const offset = offsetOf(place, start);
  return length === 8 ? view.getFloat64(offset) : view.getFloat32(offset);
}
