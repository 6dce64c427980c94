// `npm run build`: bundles the command line and every program that it starts into dist/, from where Hairpin runs once it
// is installed: Node strips no types below node_modules (docs/decisions/0008-bundle.md).
//
// There is no list of programs, nor of files that they read. Both are named in the sources as
// `new URL('./NAME', import.meta.url)`, and the bundle follows these names as it follows imports:
// - a TypeScript file is a program (a thread, a child process) and becomes a file of dist/;
// - a folder, and a file in `readFileSync(new URL(...))`, is copied to the same path below dist/.

import { hash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin, PluginContext } from 'rolldown';

const ROOT = import.meta.dirname;
const OUTPUT = join(ROOT, 'dist');

const OWN_URL = /(readFileSync\(\s*)?new URL\(\s*'(\.[^']*)',\s*import\.meta\.url,?\s*\)/g;

/** Sources by their path below the root, with what they were when they were bundled. */
type Sources = Map<string, string>;

async function build(): Promise<void> {
  const { rolldown } = await import('rolldown');
  const sources: Sources = new Map();
  addSource(sources, fileURLToPath(import.meta.url));
  const bundle = await rolldown({
    cwd: ROOT,
    input: { hairpin: join(ROOT, 'hairpin.ts') },
    platform: 'node',
    // Dependencies stay packages of their own.
    external: /^[^./]/,
    plugins: [ownUrls(sources)],
  });
  rmSync(OUTPUT, { recursive: true, force: true });
  await bundle.write({
    dir: OUTPUT,
    sourcemap: true,
    // All in one folder, so that the path from each to what is copied is the same.
    entryFileNames: ({ name }) => (name === 'hairpin' ? 'hairpin.js' : '[name]-[hash].js'),
    chunkFileNames: '[name]-[hash].js',
  });
  await bundle.close();
  // The last one: bin/hairpin.js runs no bundle without it.
  writeFileSync(join(OUTPUT, 'sources.json'), `${JSON.stringify(Object.fromEntries(sources), undefined, 1)}\n`);
}

function addSource(sources: Sources, file: string): void {
  sources.set(relative(ROOT, file), hash('sha256', readFileSync(file)));
}

function ownUrls(sources: Sources): Plugin {
  return {
    name: 'own-urls',
    transform: {
      filter: { id: /\.ts$/ },
      handler(code, id) {
        addSource(sources, id);
        if (/import\.meta\.(dirname|filename)/.test(code))
          this.error(
            `${id}: import.meta.dirname is another folder in the bundle; use new URL('./NAME', import.meta.url)`,
          );
        const bundled = code.replace(OWN_URL, (_, read: string | undefined, name: string) => {
          const file = fileURLToPath(new URL(name, pathToFileURL(id)));
          if (read === undefined && name.endsWith('.ts')) {
            const program = this.emitFile({ type: 'chunk', id: file });
            return `new URL(import.meta.ROLLUP_FILE_URL_${program})`;
          }
          return `${read ?? ''}new URL('${copied(this, sources, file)}', import.meta.url)`;
        });
        // Only columns of the lines with such a name move, which no source map is worth.
        return bundled === code ? null : { code: bundled, map: null };
      },
    },
  };
}

/** Copies a file, or the files of a folder; returns its path as seen from dist/. */
function copied(context: PluginContext, sources: Sources, file: string): string {
  const path = relative(ROOT, file);
  // Beside the clone: it is there for a clone alone.
  if (path.startsWith('..')) return join('..', path, file.endsWith('/') ? '/' : '');
  if (!statSync(file).isDirectory()) {
    addSource(sources, file);
    context.emitFile({ type: 'asset', fileName: path, source: readFileSync(file) });
    return `./${path}`;
  }
  for (const entry of readdirSync(file, { withFileTypes: true }))
    if (!entry.name.endsWith('.test.ts')) copied(context, sources, join(file, entry.name));
  return `./${path}/`;
}

await build();
