// What ends the embedded ClickHouse: a connection that is reset in the middle of a request (SO_LINGER 0).

import { connect } from 'node:net';

const CUT_MS_MAX = 200;

/** A request that is cut, then a reset. */
export function resetConnection(port: number): Promise<void> {
  return new Promise(done => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET / HTTP/1.1\r\nHos');
      setTimeout(() => {
        socket.resetAndDestroy();
        done();
      }, CUT_MS_MAX * Math.random());
    });
    socket.on('error', () => done());
  });
}
