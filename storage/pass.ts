import type { Log } from '../service/log.ts';
import type { Storage } from './storage.ts';
export function createPass(_: { storage: Storage; log: Log }): { run(nowMs: number): Promise<number> } {
  return { run: async () => 0 };
}
