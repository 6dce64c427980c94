// `npm run build`: bundles the command line and every program that it starts into dist/, from where Hairpin runs once it
// is installed: Node strips no types below node_modules (docs/decisions/0008-bundle.md).
//
// There is no list of programs, nor of files that they read. Both are named in the sources as
// `new URL('./NAME', import.meta.url)`, and the build follows these names as it follows imports:
// - a TypeScript file is a program (a thread, a child process) and becomes one file of dist/, with all that it imports:
//   V8 folds constants of the same file into the machine code, and those of other files it loads at every use;
// - a folder, and a file in `readFileSync(new URL(...))`, is copied to the same path below dist/.

import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';

const ROOT = import.meta.dirname;
const OUTPUT = join(ROOT, 'dist');
const COMMAND_LINE = 'hairpin.ts';
/** What programs of others import from the package (package.json, exports). */
const CLIENT = 'client/client.ts';

const OWN_URL = /(readFileSync\(\s*)?new URL\(\s*'(\.[^']*)',\s*import\.meta\.url,?\s*\)/g;

/** What means the same in the bundle: a name that was replaced, and a search from here upwards. */
const UNDERSTOOD = /new URL\('[^']*', import\.meta\.url\)|(createRequire|findPackageJSON)\(import\.meta\.url\)/g;

/** Sources by their path below the root, with what they were when they were bundled. */
type Sources = Map<string, string>;

async function build(): Promise<void> {
  const sources: Sources = new Map();
  addSource(sources, fileURLToPath(import.meta.url));
  rmSync(OUTPUT, { recursive: true, force: true });
  // A set that grows while it is walked through: programs name further ones.
  const programs = new Set([join(ROOT, COMMAND_LINE), join(ROOT, CLIENT)]);
  for (const program of programs) await bundleProgram(program, programs, sources);
  declareClient();
  // The last one: bin/hairpin.js runs no bundle without it.
  writeFileSync(join(OUTPUT, 'sources.json'), `${JSON.stringify(Object.fromEntries(sources), undefined, 1)}\n`);
}

async function bundleProgram(program: string, programs: Set<string>, sources: Sources): Promise<void> {
  const bundle = await rolldown({
    cwd: ROOT,
    input: program,
    platform: 'node',
    // Dependencies stay packages of their own.
    external: /^[^./]/,
    plugins: [ownUrls(programs, sources)],
  });
  await bundle.write({
    dir: OUTPUT,
    sourcemap: true,
    // All in one folder, so that the path from each to what is copied is the same.
    entryFileNames: outputName(program),
    chunkFileNames: '[name]-[hash].js',
    // The command line loads a command when it is called.
    codeSplitting: program.endsWith(COMMAND_LINE),
  });
  await bundle.close();
}

/** The types of the client, for compilers: dist/client/client.d.ts. */
function declareClient(): void {
  const output = join(OUTPUT, dirname(CLIENT));
  const options = ['--ignoreConfig', '--declaration', '--emitDeclarationOnly', '--outDir', output];
  const language = ['--target', 'es2024', '--module', 'nodenext', '--allowImportingTsExtensions', '--skipLibCheck'];
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), [...options, ...language, CLIENT], { cwd: ROOT, stdio: 'inherit' });
  const declared = join(output, 'client.d.ts');
  writeFileSync(declared, readFileSync(declared, 'utf8').replaceAll("'./paths.ts'", "'./paths.js'"));
}

/** `analysis/reenrichment/reenrich-thread.ts` is `enricher-reenrich-thread.js`, for names to differ. */
function outputName(program: string): string {
  return relative(ROOT, program).replaceAll('/', '-').replace(/\.ts$/, '.js');
}

function addSource(sources: Sources, file: string): void {
  sources.set(relative(ROOT, file), hash('sha256', readFileSync(file)));
}

function ownUrls(programs: Set<string>, sources: Sources): Plugin {
  return {
    name: 'own-urls',
    transform: {
      filter: { id: /\.ts$/ },
      handler(code, id) {
        addSource(sources, id);
        const bundled = code.replace(OWN_URL, (_, read: string | undefined, name: string) => {
          const file = fileURLToPath(new URL(name, pathToFileURL(id)));
          const isProgram = read === undefined && name.endsWith('.ts');
          if (isProgram) programs.add(file);
          const path = isProgram ? `./${outputName(file)}` : copied(sources, file);
          return `${read ?? ''}new URL('${path}', import.meta.url)`;
        });
        if (bundled.replace(UNDERSTOOD, '').includes('import.meta'))
          this.error(
            `${id}: the bundle is another file in another folder; name files as new URL('./NAME', import.meta.url)`,
          );
        // Only columns of the lines with such a name move, which no source map is worth.
        return bundled === code ? null : { code: bundled, map: null };
      },
    },
  };
}

/** Copies a file, or the files of a folder; returns its path as seen from dist/. */
function copied(sources: Sources, file: string): string {
  const path = relative(ROOT, file);
  // Beside the clone: it is there for a clone alone.
  if (path.startsWith('..')) return join('..', path, file.endsWith('/') ? '/' : '');
  if (statSync(file).isDirectory()) {
    for (const name of readdirSync(file)) if (!name.endsWith('.test.ts')) copied(sources, join(file, name));
    return `./${path}/`;
  }
  addSource(sources, file);
  const copy = join(OUTPUT, path);
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(file, copy);
  return `./${path}`;
}

await build();
