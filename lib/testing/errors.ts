/** The root of what `baton/testing` throws by itself. */
export class TestingError extends Error {
  override name = 'TestingError';
}

/** The test asked the in-memory AWS for something that it does not have. */
export class UnsupportedError extends TestingError {
  override name = 'UnsupportedError';
}

/** What a test expected is not what happened. */
export class ExpectationError extends TestingError {
  override name = 'ExpectationError';
}
