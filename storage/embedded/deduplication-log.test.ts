import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { revokeTokens } from './deduplication-log.ts';

let db: string;
beforeEach(() => {
  db = mkdtempSync(join(tmpdir(), 'hairpin-test-tokens-'));
});
afterEach(() => rmSync(db, { recursive: true }));

/** A table's folder with these parts and logs. */
function table(name: string, parts: readonly string[], ...logs: readonly string[]): string {
  const folder = join(db, 'store', name.slice(0, 3), name);
  for (const part of ['detached', ...parts]) mkdirSync(join(folder, part), { recursive: true });
  mkdirSync(join(folder, 'deduplication_logs'));
  logs.forEach((text, i) => writeFileSync(logOf(folder, i + 1), text));
  return folder;
}
const logOf = (folder: string, number: number) => join(folder, 'deduplication_logs', `deduplication_log_${number}.txt`);
const came = (part: string, token: string) => `1\t${part}\t${token}\n`;
const went = (part: string, token: string) => `2\t${part}\t${token}\n`;

test('a folder that no engine has used holds no tokens', () => {
  expect(revokeTokens(db)).toBe(0);
});

test('tokens of parts newer than every part are revoked, once', () => {
  const first = table('abc1', ['20260130_1_2_1'], came('20260130_1_1_0', 'a'), came('20260131_3_3_0', 'b'));
  const second = table('abd2', [], came('all_1_1_0', 'c') + came('all_2_2_0', 'd'));
  expect(revokeTokens(db)).toBe(3);
  expect(readFileSync(logOf(first, 2), 'utf8')).toBe(came('20260131_3_3_0', 'b') + went('20260131_3_3_0', 'b'));
  expect(readFileSync(logOf(second, 1), 'utf8').endsWith(went('all_1_1_0', 'c') + went('all_2_2_0', 'd'))).toBe(true);
  expect(revokeTokens(db)).toBe(0);
});

test.each([
  ['is there', ['20260131_3_3_0']],
  ['was merged', ['20260131_1_4_2']],
  ['was mutated', ['20260131_3_3_0_5']],
  ['was replaced by newer ones, whose day keeps its tokens', ['20260131_7_7_0']],
  ['is of a day that is gone, while newer days are there', ['20260201_4_4_0']],
])('a token whose part %s stays', (_, parts) => {
  const folder = table('abc1', parts, came('20260131_3_3_0', 'a'));
  expect(revokeTokens(db)).toBe(0);
  expect(readFileSync(logOf(folder, 1), 'utf8')).toBe(came('20260131_3_3_0', 'a'));
});

test('a part that was removed, or never put in place, is no part; its block number may be used again', () => {
  const lines = came('all_1_1_0', 'a') + went('all_1_1_0', 'a') + came('all_2_2_0', 'b') + went('all_2_2_0', 'b');
  const folder = table('abc1', ['tmp_insert_all_3_3_0', 'delete_tmp_all_9_9_0'], `${lines}${came('all_2_2_0', 'c')}`);
  expect(revokeTokens(db)).toBe(1);
  expect(readFileSync(logOf(folder, 1), 'utf8')).toBe(`${lines}${came('all_2_2_0', 'c')}${went('all_2_2_0', 'c')}`);
});

test('logs are read in the order of their numbers, and a line that was cut off is removed', () => {
  const folder = table('abc1', ['all_9_9_0'], '');
  for (let log = 2; log <= 10; log++) writeFileSync(logOf(folder, log), came(`all_${log + 8}_${log + 8}_0`, `t${log}`));
  appendFileSync(logOf(folder, 10), '1\tall_19_');
  expect(revokeTokens(db)).toBe(9);
  const lines = readFileSync(logOf(folder, 10), 'utf8').split('\n');
  expect(lines.slice(0, 2)).toEqual(['1\tall_18_18_0\tt10', '2\tall_10_10_0\tt2']);
  expect(lines).toHaveLength(11);
});

test('of a long log the newest lines are looked at', () => {
  const lines = Array.from({ length: 200_000 }, (_, i) => came(`all_${i + 1}_${i + 1}_0`, `t${i}`)).join('');
  table('abc1', ['all_1_199999_9'], lines);
  expect(revokeTokens(db)).toBe(1);
});
