import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { requireTool } from '../../testing/requirements.ts';
import { createKernelDrops, dropsIn } from './kernel-drops.ts';

// As Linux 6.1 prints it; the columns of udp6 are wider.
const UDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  512: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 28143 2 0000000000000000 17
  512: 00000000:0807 00000000:0000 07 00000000:00034F00 00:00000000 00000000  1000        0 28144 2 ffff888100000000 4000000000
 3196: 0100007F:1283 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 28145 2 0000000000000000 5
`;
const UDP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  512: 00000000000000000000000000000000:0807 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 30001 2 0000000000000000 3
`;

const entries = (table: string, ...ports: number[]) => [...dropsIn(table, new Set(ports))];

test('drops are reported by socket, for the ports asked for', () => {
  expect(entries(UDP, 2055)).toEqual([
    ['28143', 17],
    ['28144', 4_000_000_000],
  ]);
  expect(entries(UDP, 2055, 4739)).toEqual([
    ['28143', 17],
    ['28144', 4_000_000_000],
    ['28145', 5],
  ]);
  expect(entries(UDP6, 2055)).toEqual([['30001', 3]]);
  expect(entries(UDP, 6343)).toEqual([]);
});

test('a table that is empty, cut or missing has no drops', () => {
  expect(entries('', 2055)).toEqual([]);
  expect(entries(UDP.split('\n')[0]!, 2055)).toEqual([]);
  expect(entries(UDP.slice(0, UDP.indexOf(' 17')), 2055)).toEqual([['28143', 0]]);
});

const linux = requireTool('/proc/net/udp', process.platform === 'linux', 'the kernel reports drops on Linux only');

// proves: large-datagrams
test.runIf(linux)('what the kernel drops at a full receive buffer is counted', async () => {
  // A process that opens a socket and is stopped: nobody reads.
  const program = `
    const socket = require('node:dgram').createSocket({ type: 'udp4', recvBufferSize: 4096 });
    socket.bind(0, '127.0.0.1', () => process.stdout.write(String(socket.address().port)));`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const sender = createSocket('udp4');
  try {
    const [text] = await once(child.stdout, 'data');
    const port = Number(String(text));
    const kernel = createKernelDrops(new Set([port]));
    expect(await kernel.read()).toBe(0);
    child.kill('SIGSTOP');
    for (let i = 0; i < 100; i++)
      await new Promise(resolve => sender.send(Buffer.alloc(1000), port, '127.0.0.1', resolve));
    const drops = await kernel.read();
    expect(drops).toBeGreaterThan(80);
    expect(drops).toBeLessThan(100);
    expect(await kernel.read()).toBe(0);
  } finally {
    sender.close();
    child.kill('SIGKILL');
  }
});
