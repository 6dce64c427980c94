// The program that embedded.ts runs as a child process: the ClickHouse engine of the npm package `chdb`, called through
// its C entry `query_stable_v2(argc, argv)`. That entry is clickhouse-local, and clickhouse-local can listen: the query
// opens the HTTP port and then reads standard input, a pipe from the parent. The call returns when the pipe closes, so
// the server ends with its parent, however that ends. Arguments: those of clickhouse-local.

import { createRequire } from 'node:module';
import { DataType, load, open } from 'ffi-rs';

const QUERY = 'SYSTEM START LISTEN HTTP; SELECT * FROM table FORMAT Null';

/** chdb brings the engine as an optional package per platform; it is resolved from chdb, wherever npm put it. */
function enginePath(): string {
  const fromChdb = createRequire(createRequire(import.meta.url).resolve('chdb'));
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const libc = report.header.glibcVersionRuntime === undefined ? 'musl' : 'gnu';
  const platform =
    process.platform === 'linux' ? `linux-${process.arch}-${libc}` : `${process.platform}-${process.arch}`;
  return fromChdb.resolve(`@chdb/lib-${platform}/libchdb.so`);
}

// argv[0] is skipped by the engine. The table of the query is standard input, one string a line.
const argv = [
  'clickhouse',
  ...process.argv.slice(2),
  '--structure=l String',
  '--input-format=LineAsString',
  '--query',
  QUERY,
];

open({ library: 'chdb', path: enginePath() });
load({
  library: 'chdb',
  funcName: 'query_stable_v2',
  retType: DataType.External,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [argv.length, argv],
});
// The engine has written its error to standard error, or has shut its tables down in order. Its threads are still
// there and may crash in an orderly exit, so the process ends at once.
process.kill(process.pid, 'SIGKILL');
