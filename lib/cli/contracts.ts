import type { Command } from 'commander';
import { addContractsAccept } from './contracts-accept.ts';
import { addContractsCheck } from './contracts-check.ts';
import { addContractsDiff } from './contracts-diff.ts';
import { addContractsDocs } from './contracts-docs.ts';

/** Adds `baton contracts`: versions of events, and whether they can live with each other and with their consumers. */
export function addContracts(program: Command, ended: (code: number) => void): void {
  const contracts = program
    .command('contracts')
    .description('publish versions of events, and find what would break a consumer before it is merged');
  addContractsAccept(contracts, ended);
  addContractsCheck(contracts, ended);
  addContractsDiff(contracts, ended);
  addContractsDocs(contracts, ended);
}
