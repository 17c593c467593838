import type { IConstruct } from 'constructs';

/** The root of everything that a construct refuses at synth. Its message is meant for whoever runs `cdk synth`. */
export class ConstructError extends Error {
  override name = 'ConstructError';
}

/** The props of a construct would lose, block or repeat messages, or could not be deployed. */
export class UnsafePropsError extends ConstructError {
  override name = 'UnsafePropsError';
  /** The path of the construct, from the root of the app. */
  readonly path: string;

  /**
   * @param scope the construct that refuses
   * @param problem what is wrong, with the values found: a sentence
   * @param remedy what to change: a sentence
   */
  constructor(scope: IConstruct, problem: string, remedy: string) {
    super(`${scope.node.path}: ${problem} ${remedy}`);
    this.path = scope.node.path;
  }
}

/** A handler could not be bundled; the message has a line `file:line:column: what` for each place. */
export class BundleError extends ConstructError {
  override name = 'BundleError';
}
