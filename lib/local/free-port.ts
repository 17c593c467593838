import { createServer } from 'node:net';

/**
 * A TCP port of the loopback interface that nobody listens on now. Another process can take it before the caller does, so
 * whoever hands it to a child process tries again when the child finds it taken.
 */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
}
