// `hairpin start`

import { protocolTitles } from '../schemas/protocols.ts';
import { stopSignal } from '../service/lifecycle.ts';
import { type AllInOne, startAllInOne } from './all-in-one.ts';
import { readConfiguration, START_SERVICE } from './configurations.ts';

const HELP = `hairpin start [--config FILE] [flags]

Receives ${protocolTitles()}.
Maps addresses to VMs and applications, counts every byte once and stores the records. API and console are at
http://127.0.0.1:8080/. Without --config, hairpin.yaml of the working folder is read if it exists.

${START_SERVICE.help()}
`;

export async function start(args: readonly string[]): Promise<number> {
  const read = readConfiguration(START_SERVICE, args, HELP);
  if (!read) return 0;
  const running = await startAllInOne(read.configuration);
  process.stderr.write(banner(running));
  await untilStopped(running);
  return 0;
}

export function banner({ url, ports, tcpPorts, tlsPorts, bufferBytes, data }: AllInOne): string {
  const streams = [
    ...(tcpPorts.length > 0 ? [`TCP ${tcpPorts.join(', ')}`] : []),
    ...(tlsPorts.length > 0 ? [`TLS ${tlsPorts.join(', ')}`] : []),
  ];
  return `
  Hairpin is ready
    console   ${url}/
    receives  ${protocolTitles()} on UDP ${ports.join(', ')} (receive buffer ${(bufferBytes / 1024 / 1024).toFixed(1)} MiB)${streams.length > 0 ? `\n              IPFIX on ${streams.join(' and ')}` : ''}
    data      ${data}
    stop with Ctrl-C

`;
}

/** Waits for SIGINT or SIGTERM, then stops; batches in flight are stored or stay in the spool. */
export async function untilStopped({ stop, totals }: Pick<AllInOne, 'stop' | 'totals'>): Promise<void> {
  const signal = await stopSignal();
  process.stderr.write(`\n${signal}: stopping; records received so far are kept\n`);
  await stop();
  const { datagrams, messages, records, kernelDrops, rowsDropped, rowsRefused } = totals();
  const received = `${datagrams} datagrams${messages > 0 ? ` and ${messages} messages over connections` : ''}`;
  process.stderr.write(
    `${received} with ${records} records received; ${kernelDrops} datagrams dropped by the kernel, ${rowsDropped + rowsRefused} records dropped here\n`,
  );
}
