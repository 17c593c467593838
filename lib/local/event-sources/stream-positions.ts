import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** How far the shards of streams were read: the last sequence number that is done with, by mapping and shard. */
export interface StreamPositions {
  get(uuid: string, shardId: string): string | undefined;
  set(uuid: string, shardId: string, sequenceNumber: string): void;
}

/** @param file where they outlive this process; undefined when the streams do not outlive it either */
export function streamPositions(file: string | undefined): StreamPositions {
  const positions = new Map<string, string>(file === undefined ? [] : Object.entries(read(file)));
  return {
    get: (uuid, shardId) => positions.get(`${uuid} ${shardId}`),
    set(uuid, shardId, sequenceNumber) {
      positions.set(`${uuid} ${shardId}`, sequenceNumber);
      if (file === undefined) return;
      // In one step: a file that is half written would begin every stream anew.
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(positions)));
      renameSync(`${file}.new`, file);
    },
  };
}

function read(file: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
