// Sends the payloads of a capture again.

import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseHostPort } from '../../schemas/host-port.ts';
import { createClock } from '../../service/clock.ts';
import { HairpinError } from '../../service/errors.ts';
import { readNamedCapture } from './capture.ts';

export interface ReplayOptions {
  /** HOST:PORT. */
  readonly to: string;
  /** Datagrams per second; 0 keeps the pace of the capture. */
  readonly rate: number;
  /** A simulated clock (schemas/clock.ts): each datagram is sent when it shows the time the capture has for it. */
  readonly clock?: string;
}

/** Longest pause kept between two datagrams when the capture sets the pace. */
const PAUSE_MS_MAX = 5000;

/** Returns the number of datagrams sent. Throws CAPTURE_UNREADABLE or SEND_FAILED. */
export async function replayCapture(file: string, { to, rate, clock: setting = '' }: ReplayOptions): Promise<number> {
  const { datagrams } = readNamedCapture(file);
  const { host, port } = parseHostPort(to);
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const clock = setting === '' ? undefined : createClock(setting);
  const startedAt = performance.now();
  let dueMs = 0;
  try {
    for (const [i, { payload, timeMs }] of datagrams.entries()) {
      if (rate > 0) dueMs = (i * 1000) / rate;
      else if (i > 0) dueMs += Math.min(PAUSE_MS_MAX, Math.max(0, timeMs - datagrams[i - 1]!.timeMs));
      const waitMs = clock ? clock.realMsUntil(timeMs) : startedAt + dueMs - performance.now();
      if (waitMs > 1) await sleep(waitMs);
      await new Promise<void>((resolve, reject) =>
        socket.send(payload, port, host, error => (error ? reject(error) : resolve())),
      );
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new HairpinError('SEND_FAILED', `${to} cannot be sent to (${code}); check --to HOST:PORT`, error);
  } finally {
    socket.close();
  }
  return datagrams.length;
}
