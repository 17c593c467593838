#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Compiled code is kept between runs: the second start is faster than the first.
enableCompileCache();
const { run } = await import('../lib/cli/program.ts');
process.exitCode = await run(process.argv);
