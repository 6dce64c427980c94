// What a test needs beyond Node: a tool of the system, the corpus of captures. Without it the test is left out with the
// reason printed. HAIRPIN_TEST_REQUIRE=tools makes a missing tool a failure, HAIRPIN_TEST_REQUIRE=all a missing corpus as
// well. Only tests import this module.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The name of the one requirement that is no tool. */
export const CORPUS = 'corpus';
/** No Debian package has it, so that the gate cannot demand it: `pip install schemathesis` in a Python environment on PATH. */
export const SCHEMATHESIS = 'schemathesis';

const required = process.env['HAIRPIN_TEST_REQUIRE'];
/** Whether this run is the gate's: what takes a sample elsewhere is exhaustive then. */
export const exhaustive = required === 'all' || required === 'tools';

/** True when `ok`; otherwise prints why tests are left out and returns false, or throws when this one is required. */
export function requireTool(name: string, ok: boolean, reason: string): boolean {
  if (ok) return true;
  const message = `${name} is missing, the tests of this file that need it are left out: ${reason}`;
  if (name !== SCHEMATHESIS && (required === 'all' || (required === 'tools' && name !== CORPUS)))
    throw new Error(`HAIRPIN_TEST_REQUIRE=${required}, but ${message}`);
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
