// Serves the console at /. Its TypeScript modules lose their types once, at start, and are kept in memory; there is no
// build step. Nothing is loaded from elsewhere, and the policy forbids inline scripts.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Routes } from './routes.ts';

const FOLDER = fileURLToPath(new URL('../../console/', import.meta.url));

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

const TYPES: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export function registerConsole(app: Routes): void {
  const page = readFileSync(join(FOLDER, 'index.html'), 'utf8');
  app.get('/', { config: { right: 'nothing' }, schema: { hide: true } }, (_request, reply) =>
    reply.headers(HEADERS).type('text/html; charset=utf-8').send(page),
  );
  for (const [name, body] of consoleFiles()) {
    app.get(`/${name}`, { config: { right: 'nothing' }, schema: { hide: true } }, (_request, reply) =>
      reply.headers(HEADERS).type(TYPES[extname(name)]!).send(body),
    );
  }
}

function consoleFiles(): Map<string, string> {
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot/package.json'));
  const files = new Map([
    ['console/uplot.js', readFileSync(join(uplot, 'dist/uPlot.esm.js'), 'utf8')],
    ['console/uplot.css', readFileSync(join(uplot, 'dist/uPlot.min.css'), 'utf8')],
  ]);
  for (const name of readdirSync(FOLDER)) {
    if (name.endsWith('.test.ts') || !(extname(name) in TYPES)) continue;
    const text = readFileSync(join(FOLDER, name), 'utf8');
    files.set(`console/${name}`, name.endsWith('.ts') ? browserModule(text) : text);
  }
  // The console shares this one with the API; its address is its path in the project.
  const metric = readFileSync(new URL('../answers/metric.ts', import.meta.url), 'utf8');
  files.set('query-api/answers/metric.ts', browserModule(metric));
  // A plain script, since it must run before the page is drawn; modules wait.
  files.set('console/theme-start.js', files.get('console/theme-start.ts')!);
  return files;
}

/** Types become spaces, so lines stay where they were. A browser resolves no package name. */
function browserModule(source: string): string {
  return stripTypeScriptTypes(source).replaceAll("from 'uplot'", "from './uplot.js'");
}
