import { join, relative, resolve } from 'node:path';
import { Option } from 'commander';
import type { DeclaredVersion } from '../contracts/registry/declared.ts';
import type { Registry } from '../contracts/registry/registry.ts';
import { UsageError, UserError } from './failure.ts';

/** Where the contracts of a project are. */
export interface ProjectOptions {
  events: string;
  registry?: string;
}

/** The option that says where the event modules are. */
export const EVENTS = new Option('--events <dir>', 'the folder of the event modules').default('events');

/** The option that says where the published versions are. */
export const REGISTRY = new Option('--registry <dir>', 'the folder of the registry (default: <events>/registry)');

/** The contracts of a project, as code has them and as they were published. */
export interface Project {
  readonly declared: readonly DeclaredVersion[];
  readonly registry: Registry;
}

/**
 * Reads the contracts of the project in the working directory.
 * @throws UsageError when they cannot be read
 */
export async function readProject({ events, registry }: ProjectOptions): Promise<Project> {
  const [{ declaredContracts }, { declaredVersions, readRegistry }] = await Promise.all([
    import('../operations/contracts/declared-contracts.ts'),
    import('../contracts/registry/index.ts'),
  ]);
  return await orBadInput(async () => {
    const contracts = await declaredContracts(resolve(events));
    return {
      declared: declaredVersions(contracts.map(({ contract, file }) => ({ contract, file: relative('', file) }))),
      registry: await readRegistry(registry ?? join(events, 'registry')),
    };
  });
}

/** What cannot be read cannot be judged: that is told apart from a judgement. */
export async function orBadInput<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof UserError) throw error;
    const [{ ContractError }, { OperationError }, { SynthError }] = await Promise.all([
      import('../contracts/errors.ts'),
      import('../operations/errors.ts'),
      import('../local/synth.ts'),
    ]);
    const speaks = [ContractError, OperationError, SynthError].some((kind) => error instanceof kind);
    if (!speaks) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}
