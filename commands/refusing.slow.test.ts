// While the spool is at its bound rows are refused: /readyz says so, and is ready again when there is room.

import { expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

interface Ready {
  readonly ok: boolean;
  readonly dependencies: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

const spoolOf = async (hairpin: RunningHairpin) => {
  const response = await fetch(`${hairpin.api}/readyz`);
  const { dependencies } = (await response.json()) as Ready;
  return { status: response.status, ...dependencies.find(({ name }) => name === 'spool')! };
};

test('a spool at its bound makes the process unready, for as long as it refuses rows', async () => {
  // The smallest bound that is allowed; a batch of half a second is larger.
  const hairpin = await startHairpin({ args: ['--spool-bytes-max', String(1024 * 1024)] });
  try {
    expect(await spoolOf(hairpin)).toMatchObject({ status: 200, ok: true });
    const load = {
      to: `127.0.0.1:${hairpin.udpPort}`,
      scenario: 'numbered',
      protocol: 'ipfix',
      rate: 40_000,
      seconds: 4,
    };
    await runLoad(parseLoadOptions(load));
    await until(async () => (await hairpin.metric('encoder_rows_refused_total')) > 0, 10_000, 'rows refused');
    expect(await spoolOf(hairpin)).toMatchObject({
      status: 503,
      ok: false,
      detail: expect.stringMatching(/spool-bytes-max.*rows are refused and lost/),
    });
    await until(async () => (await spoolOf(hairpin)).status === 200, 30_000, 'ready again');
  } finally {
    expect(await hairpin.stop()).toBe(0);
  }
}, 90_000);
