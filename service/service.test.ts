import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openCounters } from './counters.ts';
import { openDataFolder } from './data-folder.ts';
import { ERROR_CODES, HairpinError } from './errors.ts';
import { createLifecycle, type Part } from './lifecycle.ts';
import { createThrottle, type Log } from './log.ts';
import { createMetrics } from './metrics.ts';

const SPECS = {
  rows: { name: 'stage_rows_total', help: 'rows' },
  lateRows: { name: 'stage_faults_total', help: 'faults', labels: { reason: 'late' } },
  badRows: { name: 'stage_faults_total', help: 'faults', labels: { reason: 'bad "quoted"' } },
  depth: { name: 'stage_queue_depth', help: 'depth' },
} as const;

describe('counters', () => {
  test('are seen through every view of their memory', () => {
    const writer = openCounters(SPECS);
    const reader = openCounters(SPECS, writer.buffer);
    writer.add('rows');
    writer.add('rows', 41);
    writer.set('depth', 7);
    writer.set('depth', 3);
    expect([reader.get('rows'), reader.get('lateRows'), reader.get('depth')]).toEqual([42, 0, 3]);
    reader.add('badRows', 2 ** 40);
    expect(writer.get('badRows')).toBe(2 ** 40);
  });
});

describe('metrics', () => {
  /** The samples of the exposition text: name with labels, to value. */
  async function samples(metrics: ReturnType<typeof createMetrics>): Promise<Record<string, number>> {
    const lines = (await metrics.registry.metrics()).split('\n').filter(line => line.startsWith('hairpin_'));
    return Object.fromEntries(
      lines.map(line => {
        const match = /^([a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})?) (\S+)$/.exec(line);
        expect(match, line).not.toBeNull();
        return [match![1]!, Number(match![2])];
      }),
    );
  }

  test('show two sets of one kind, distinguished by their labels, as they are at the request', async () => {
    const metrics = createMetrics();
    const [first, second] = [openCounters(SPECS), openCounters(SPECS)];
    metrics.register(first, { worker: '0' });
    metrics.register(second, { worker: '1' });
    first.add('rows', 5);
    second.add('rows', 6);
    second.add('lateRows', 1);
    await samples(metrics);
    first.add('rows', 1);
    first.set('depth', 2);
    expect(await samples(metrics)).toEqual({
      'hairpin_stage_rows_total{worker="0"}': 6,
      'hairpin_stage_rows_total{worker="1"}': 6,
      'hairpin_stage_faults_total{worker="0",reason="late"}': 0,
      'hairpin_stage_faults_total{worker="1",reason="late"}': 1,
      'hairpin_stage_faults_total{worker="0",reason="bad \\"quoted\\""}': 0,
      'hairpin_stage_faults_total{worker="1",reason="bad \\"quoted\\""}': 0,
      'hairpin_stage_queue_depth{worker="0"}': 2,
      'hairpin_stage_queue_depth{worker="1"}': 0,
    });
  });

  test('add up what two sets without labels count under one name', async () => {
    const metrics = createMetrics();
    const [first, second] = [openCounters(SPECS), openCounters(SPECS)];
    metrics.register(first);
    metrics.register(second);
    first.add('rows', 1);
    second.add('rows', 2);
    expect((await samples(metrics))['hairpin_stage_rows_total']).toBe(3);
  });

  test('are counters when their name says total, gauges otherwise, beside those of the process', async () => {
    const metrics = createMetrics();
    metrics.register(openCounters(SPECS));
    const text = await metrics.registry.metrics();
    expect(text).toContain('# TYPE hairpin_stage_rows_total counter\n');
    expect(text).toContain('# TYPE hairpin_stage_queue_depth gauge\n');
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
  });
});

describe('the lifecycle of a process', () => {
  const happened: string[] = [];
  const errors: string[] = [];
  const log = {
    error: (...args: unknown[]) => errors.push(String(args.at(-1))),
  } as unknown as Log;
  beforeEach(() => {
    happened.length = 0;
    errors.length = 0;
  });
  const part = (name: string, overrides: Partial<Part> = {}): Part => ({
    name,
    start: async () => happened.push(`start ${name}`),
    stop: async () => happened.push(`stop ${name}`),
    ...overrides,
  });

  test('stops in reverse what it started in order, once', async () => {
    const lifecycle = createLifecycle(log);
    for (const name of ['a', 'b', 'c']) await lifecycle.start(part(name));
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();
    expect(happened).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
    expect(errors).toEqual([]);
  });

  test('stops those before a part that cannot start, and throws what it threw', async () => {
    const lifecycle = createLifecycle(log);
    await lifecycle.start(part('a'));
    await lifecycle.start(part('b'));
    const failing = part('c', { start: () => Promise.reject(new Error('no port')) });
    await expect(lifecycle.start(failing)).rejects.toThrow('no port');
    expect(happened).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  test('of parts that start at the same time, those that start are stopped when another cannot, and none starts later', async () => {
    const lifecycle = createLifecycle(log);
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const slow = lifecycle.start(part('a', { start: () => begun }));
    const failing = lifecycle.start(part('b', { start: () => Promise.reject(new Error('no port')) }));
    const outcome = expect(failing).rejects.toThrow('no port');
    await lifecycle.start(part('c')).catch(() => {});
    expect(happened).toEqual(['start c', 'stop c']);
    begin();
    await Promise.all([slow, outcome]);
    expect(happened).toEqual(['start c', 'stop c', 'stop a']);
    await expect(lifecycle.start(part('d'))).rejects.toThrow('no port');
    lifecycle.stopLater('e', async () => happened.push('stop e'));
    expect(happened).toEqual(['start c', 'stop c', 'stop a', 'stop e']);
  });

  test('waits for one part before it stops the next', async () => {
    const lifecycle = createLifecycle(log);
    let end = () => {};
    await lifecycle.start(part('a'));
    await lifecycle.start(
      part('b', {
        stop: () =>
          new Promise<void>(resolve => {
            end = () => resolve(void happened.push('stop b'));
          }),
      }),
    );
    const stopped = lifecycle.stop();
    await Promise.resolve();
    expect(happened).toEqual(['start a', 'start b']);
    end();
    await stopped;
    expect(happened).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  test('names a part that is late, or fails to stop, and stops the others', async () => {
    const lifecycle = createLifecycle(log, 20);
    await lifecycle.start(part('a'));
    await lifecycle.start(part('late', { stop: () => new Promise(() => {}) }));
    await lifecycle.start(part('broken', { stop: () => Promise.reject(new Error('broken')) }));
    await lifecycle.stop();
    expect(happened).toEqual(['start a', 'start late', 'start broken', 'stop a']);
    expect(errors).toEqual([
      'broken failed to stop',
      'late did not stop within 20 ms; the next start continues its work',
    ]);
  });
});

describe('a data folder', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'hairpin-folder-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test('is made with its inner folders, and free again when it is released', () => {
    const path = join(root, 'a', 'b');
    const folder = openDataFolder(path);
    expect(folder.path).toBe(path);
    expect(existsSync(folder.folder('spool'))).toBe(true);
    expect(folder.folder('spool')).toBe(join(path, 'spool'));
    expect(readFileSync(join(path, 'hairpin.lock'), 'utf8')).toMatch(new RegExp(`^${process.pid} \\S+$`));
    folder.release();
    expect(existsSync(join(path, 'hairpin.lock'))).toBe(false);
  });

  test('is refused while another process uses it, with the process named, and taken over once that is dead', async () => {
    const program = `
      const { openDataFolder } = await import(${JSON.stringify(new URL('./data-folder.ts', import.meta.url).href)});
      openDataFolder(${JSON.stringify(root)});
      process.stdout.write('open');
      process.stdin.resume();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise(resolve => child.stdout.once('data', resolve));
    expect(() => openDataFolder(root)).toThrow(
      `DATA_FOLDER_TAKEN: ${root} is used by another Hairpin (process ${child.pid})`,
    );
    const exited = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
    expect(existsSync(join(root, 'hairpin.lock'))).toBe(true);
    openDataFolder(root).release();
  });

  test.each([
    ['of a process id that now belongs to another process', '1 99999999999'],
    ['that is empty, of a process killed while it wrote', ''],
    ['that is no lock of ours', 'hello there'],
  ])('with a lock %s is taken over', (_, text) => {
    writeFileSync(join(root, 'hairpin.lock'), text);
    openDataFolder(root).release();
    expect(existsSync(join(root, 'hairpin.lock'))).toBe(false);
  });

  test('that cannot be written is refused with the reason', () => {
    writeFileSync(join(root, 'file'), '');
    for (const path of [join(root, 'file'), join(root, 'file', 'below')]) {
      expect(() => openDataFolder(path)).toThrow(
        new RegExp(
          `^DATA_FOLDER_UNUSABLE: ${path} cannot be written \\((EEXIST|ENOTDIR)\\); choose another with --data`,
        ),
      );
    }
  });
});

test('a throttle passes one message of a kind per interval and says how many it held back', () => {
  const clock = vi.spyOn(performance, 'now');
  try {
    const throttle = createThrottle(1000);
    const written: string[] = [];
    const at = (ms: number, kind: string) => {
      clock.mockReturnValue(ms);
      throttle(kind, heldBack => written.push(`${ms} ${kind} ${heldBack}`));
    };
    for (const ms of [0, 1, 999, 1000, 1500]) at(ms, 'a');
    at(1600, 'b');
    at(5000, 'a');
    at(6000, 'a');
    expect(written).toEqual(['0 a 0', '1000 a 2', '1600 b 0', '5000 a 1', '6000 a 0']);
  } finally {
    clock.mockRestore();
  }
});

test('an error for people begins with its code and keeps its cause', () => {
  const cause = new Error('EADDRINUSE');
  const error = new HairpinError('PORT_TAKEN', 'UDP port 2055 is in use', cause);
  expect([error.message, error.code, error.cause]).toEqual([
    'PORT_TAKEN: UDP port 2055 is in use',
    'PORT_TAKEN',
    cause,
  ]);
  expect('cause' in new HairpinError('PORT_TAKEN', '')).toBe(false);
  expect(
    Object.entries(ERROR_CODES).filter(([code, text]) => !/^[A-Z]+(_[A-Z]+)+$/.test(code) || text.length === 0),
  ).toEqual([]);
});
