// What a test needs beyond Node: a tool of the system, or a folder of captures. Without it the test is skipped and the
// reason is printed; with HAIRPIN_TEST_REQUIRE=all a skip is a failure. Only tests import this module.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** True when `ok`; otherwise prints why tests are skipped and returns false, or throws when nothing may be skipped. */
export function requireTool(name: string, ok: boolean, reason: string): boolean {
  if (ok) return true;
  const message = `${name} is missing, tests that need it are skipped: ${reason}`;
  if (process.env['HAIRPIN_TEST_REQUIRE'] === 'all') throw new Error(`HAIRPIN_TEST_REQUIRE=all, but ${message}`);
  console.warn(message);
  return false;
}

/** Whether PATH holds a program of this name. */
export function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some(folder => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
