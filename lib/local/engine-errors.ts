/** The root of everything that can be wrong with an engine of the local cloud. */
export class EngineError extends Error {
  override name = 'EngineError';
}

/** No binary of an engine is on this machine; the message says how to get one. */
export class EngineMissingError extends EngineError {
  override name = 'EngineMissingError';
}

/** Another process listens on the port that an engine was told to use. */
export class PortBusyError extends EngineError {
  override name = 'PortBusyError';
  readonly port: number;

  constructor(engine: string, port: number, flag: string, options?: ErrorOptions) {
    super(
      `Port ${port}, meant for ${engine}, is in use by another process. End that process, pass another port with ${flag}, or leave ${flag} out to get a free one.`,
      options,
    );
    this.port = port;
  }
}

/** Another process keeps its engines' data in the same folder. */
export class DataDirectoryBusyError extends EngineError {
  override name = 'DataDirectoryBusyError';
}

/** An engine was started, or named by its endpoint, and does not answer. */
export class EngineUnreachableError extends EngineError {
  override name = 'EngineUnreachableError';
}

/** An engine ended by itself after it had been ready. */
export class EngineCrashedError extends EngineError {
  override name = 'EngineCrashedError';
  readonly engine: 'dynamodb';
  readonly exitCode: number | null;

  constructor(engine: 'dynamodb', exitCode: number | null, said: string) {
    const last = said.trim().split('\n').slice(-5).join('\n');
    super(
      `The ${engine} engine ended by itself (exit code ${exitCode ?? 'none'})${last === '' ? ' and said nothing.' : `. It said last:\n${last}`}`,
    );
    this.engine = engine;
    this.exitCode = exitCode;
  }
}
