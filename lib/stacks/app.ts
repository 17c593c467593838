import { App } from 'aws-cdk-lib';
import { ConstructError } from '../constructs/index.ts';
import { DEFAULT_ENVIRONMENT, type Environment, EnvironmentError, environmentNamed } from './environments.ts';
import { FoundationStack } from './foundation-stack.ts';
import { OperationsStack } from './operations-stack.ts';
import { OrdersStack } from './orders-stack.ts';

/** The stacks of one environment, in the order in which they are deployed. */
export interface Pipeline {
  foundation: FoundationStack;
  orders: OrdersStack;
  operations: OperationsStack;
}

/** Adds the stacks of the pipeline in one environment. */
export function addPipeline(app: App, environment: Environment): Pipeline {
  const foundation = new FoundationStack(app, environment);
  const orders = new OrdersStack(app, environment, foundation);
  const operations = new OperationsStack(app, environment, foundation, orders);
  return { foundation, orders, operations };
}

/**
 * Synthesizes the environment that the context names (`-c env=prod`; `dev` when it names none).
 * What a user can mend is said in one message, on standard error. An app that synthesized by itself as well would do so with what there is.
 *
 * @returns the exit code
 */
export function synthesizePipeline(app = new App({ autoSynth: false })): number {
  try {
    addPipeline(app, environmentNamed(String(app.node.tryGetContext('env') ?? DEFAULT_ENVIRONMENT)));
    app.synth();
    return 0;
  } catch (error) {
    if (!(error instanceof ConstructError || error instanceof EnvironmentError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}
