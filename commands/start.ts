// `hairpin start`

import { existsSync } from 'node:fs';
import { type Configuration, configurationHelp, loadConfiguration, parseFlags } from '../schemas/configuration.ts';
import { protocolTitles } from '../schemas/protocols.ts';
import { stopSignal } from '../service/lifecycle.ts';
import { type AllInOne, startAllInOne } from './all-in-one.ts';

const CONFIGURATION_FILE = 'hairpin.yaml';

const HELP = `hairpin start [--config FILE] [flags]

Receives ${protocolTitles()}.
Maps addresses to VMs and applications, counts every byte once, stores it and answers at http://127.0.0.1:8080/.
Without --config, ${CONFIGURATION_FILE} of the working folder is read if it is there.

${configurationHelp()}
`;

/** The configuration of a command that takes its flags; undefined when help was asked for and has been printed. */
export function configurationOf(args: readonly string[], help: string): Configuration | undefined {
  const { values } = parseFlags(args);
  if (values['help']) {
    process.stdout.write(help);
    return undefined;
  }
  const file =
    typeof values['config'] === 'string'
      ? values['config']
      : existsSync(CONFIGURATION_FILE)
        ? CONFIGURATION_FILE
        : undefined;
  return loadConfiguration({ flags: values, environment: process.env, ...(file !== undefined && { file }) });
}

export async function start(args: readonly string[]): Promise<number> {
  const configuration = configurationOf(args, HELP);
  if (!configuration) return 0;
  const running = await startAllInOne(configuration);
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

/** Waits for SIGINT or SIGTERM, then stops; what is on its way is stored or stays in the spool. */
export async function untilStopped({ stop, totals }: Pick<AllInOne, 'stop' | 'totals'>): Promise<void> {
  const signal = await stopSignal();
  process.stderr.write(`\n${signal}: stopping; what was received is kept\n`);
  await stop();
  const { datagrams, messages, records, kernelDrops, rowsDropped, rowsRefused } = totals();
  const received = `${datagrams} datagrams${messages > 0 ? ` and ${messages} messages over connections` : ''}`;
  process.stderr.write(
    `${received} with ${records} records received; ${kernelDrops} datagrams dropped by the kernel, ${rowsDropped + rowsRefused} records dropped here\n`,
  );
}
