export type Source = 'traffic' | 'pairs' | 'flows';
export interface Relation { readonly sql: string; readonly params: Readonly<Record<string, unknown>>; readonly tables: readonly string[]; readonly needsPass: boolean }
export function relationOf(_: unknown): Relation { return { sql: '', params: {}, tables: [], needsPass: false }; }
export async function passState(_s: unknown, _a: unknown) { return { running: false, passedThroughS: 0, firstS: undefined as number | undefined, unelected: false }; }
