// How far the clock of an exporter is from ours. Of each datagram the time of its receipt less the time of its export is
// known. Delay only adds to it, so the lowest of a minute is the nearest to the truth: what the clock is behind, up to the
// second in which most protocols give the time of export.
//
// MINUTES minutes with datagrams whose lowest differences are within SPREAD_MS make the clock `steady`: it is off by the
// lowest of them, and flows are moved by that where it is OFF_MS or more. It follows a drift of up to SPREAD_MS in
// MINUTES minutes; smaller changes than STEP_MS leave it. Where the clock is not steady, or a datagram does not fit it, the
// receipt is what is sure. An export later than it cannot be: its flows are moved to it. One long before it may be old
// (what an exporter kept while it could not send) or of a slow clock: a clock that was steady before must have been put back,
// otherwise its flows stay and are marked.

import { type ClockState, TIME_SOURCE } from '../../../schemas/codes.ts';

export const MINUTES = 3;
export const SPREAD_MS = 3000;
/** Below it nothing is changed: a second is the resolution of most, and some delay is usual. */
export const OFF_MS = 2000;
/** No datagram takes so long, but those of a connection. */
export const LATE_MS = 10_000;
const STEP_MS = 1000;
const MINUTE_MS = 60_000;

export class ExporterClock {
  readonly #isConnection: boolean;
  /** The lowest difference of each of the last minutes, and of the one that runs. */
  readonly #lowest = new Float64Array(MINUTES);
  #minutes = 0;
  #running = Number.POSITIVE_INFINITY;
  #endsAtMs = Number.POSITIVE_INFINITY;
  /** How far the clock is behind; as long as it is not steady the last one that was known. */
  #behindMs = 0;
  #isSteady = false;
  #wasSteady = false;

  constructor(isConnection: boolean) {
    this.#isConnection = isConnection;
  }

  /** Takes receipt less export of a datagram. */
  observe(differenceMs: number, receivedAtMs: number): void {
    if (receivedAtMs >= this.#endsAtMs) this.#endMinute();
    if (this.#running === Number.POSITIVE_INFINITY) this.#endsAtMs = receivedAtMs + MINUTE_MS;
    if (differenceMs < this.#running) this.#running = differenceMs;
  }

  get state(): ClockState {
    if (this.#isSteady) return 'steady';
    return this.#minutes < MINUTES ? 'unknown' : 'unsteady';
  }

  /** How far it is ahead of ours, negative when it is behind; 0 when unknown. */
  get skewMs(): number {
    if (this.#minutes < MINUTES) return 0;
    return -(this.#isSteady ? this.#behindMs : this.#lowest[(this.#minutes - 1) % MINUTES]!) + 0;
  }

  /** Whether the times of a datagram are taken as they are. */
  isRight(differenceMs: number): boolean {
    if (!this.#fits(differenceMs)) return differenceMs >= -OFF_MS && differenceMs <= LATE_MS;
    return this.#behindMs < OFF_MS && this.#behindMs > -OFF_MS;
  }

  /** What is added to the times of a datagram for which the clock is not right. */
  correctionOf(differenceMs: number): number {
    if (this.#fits(differenceMs)) return this.#behindMs;
    const isBelieved = differenceMs > 0 && (this.#isConnection || !this.#wasSteady);
    return isBelieved ? 0 : differenceMs;
  }

  /** What its times come from then. */
  sourceOf(differenceMs: number): number {
    return this.#fits(differenceMs) ? TIME_SOURCE.skewed : TIME_SOURCE.unsteady;
  }

  #fits(differenceMs: number): boolean {
    const laterMs = differenceMs - this.#behindMs;
    return this.#isSteady && laterMs >= -OFF_MS && (laterMs <= LATE_MS || this.#isConnection);
  }

  #endMinute(): void {
    this.#lowest[this.#minutes++ % MINUTES] = this.#running;
    this.#running = Number.POSITIVE_INFINITY;
    if (this.#minutes < MINUTES) return;
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (const lowest of this.#lowest) {
      least = Math.min(least, lowest);
      most = Math.max(most, lowest);
    }
    const was = this.#isSteady;
    this.#isSteady = most - least <= SPREAD_MS;
    if (!this.#isSteady) return;
    this.#wasSteady = true;
    if (!was || Math.abs(least - this.#behindMs) >= STEP_MS) this.#behindMs = least;
  }
}
