// What `cdk.json` runs: `npx cdk synth -c env=prod`.
import { synthesizePipeline } from '../lib/stacks/app.ts';

process.exitCode = synthesizePipeline();
