// Makes docs/console.png from a running demo: `node docs/console-picture.ts http://127.0.0.1:8080 docs/console.png`.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [, , url = 'http://127.0.0.1:8080', file = 'docs/console.png', scheme = 'light'] = process.argv;
const profile = mkdtempSync(join(tmpdir(), 'hairpin-picture-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1400, height: 900 },
  colorScheme: scheme === 'dark' ? 'dark' : 'light',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
try {
  const page = await browser.newPage();
  await page.goto(url);
  const cell = page.locator('[role=gridcell]').filter({ hasText: /[GM]B/ }).first();
  await cell.waitFor({ timeout: 30_000 });
  await cell.click();
  await page.locator('aside canvas').first().waitFor();
  await page.waitForTimeout(1500);
  await page.screenshot({ path: file });
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
