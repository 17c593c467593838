#!/usr/bin/env node
import { run } from '../lib/cli/program.ts';

process.exitCode = await run(process.argv);
