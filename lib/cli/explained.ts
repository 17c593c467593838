import { InvalidActionError, OperationError } from '../operations/errors.ts';
import { UsageError, UserError } from './failure.ts';

/** What AWS says in its own words, by the name of the error. */
const REMEDIES: readonly [name: RegExp, remedy: string][] = [
  [/^ResourceNotFoundException$/, 'There is no such table here. Check --table, region and endpoint.'],
  [/QueueDoesNotExist|NonExistentQueue/, 'There is no such queue here. Check the queue URLs, region and endpoint.'],
  [
    /^(CredentialsProviderError|ExpiredToken.*|UnrecognizedClientException|InvalidClientTokenId)$/,
    'Sign in to AWS first, or say --local for what `npm start` runs.',
  ],
  [/^(AccessDenied|AuthorizationError)/, 'The credentials in use do not permit it.'],
  [/^(ECONNREFUSED|ENOTFOUND|TimeoutError|AggregateError)$/, 'Check AWS_ENDPOINT_URL, and that it can be reached.'],
];

/** An operator needs a sentence, not our stack. */
export async function explained(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof UserError) throw error;
    if (error instanceof InvalidActionError) throw new UsageError(sentence(error.message), { cause: error });
    if (error instanceof OperationError) throw new UserError(sentence(error.message), { cause: error });
    const names = [error.name, String((error as { code?: unknown }).code ?? '')];
    const known = REMEDIES.find(([name]) => names.some((each) => name.test(each)));
    if (known === undefined && /region is missing/i.test(error.message)) {
      throw new UserError('No AWS region is set. Set AWS_REGION, or say --local for what `npm start` runs.', {
        cause: error,
      });
    }
    if (known === undefined) throw error;
    const message = error.message || names.filter(Boolean).join(' ');
    throw new UserError(`${sentence(message)} ${known[1]}`, { cause: error });
  }
}

function sentence(message: string): string {
  return message.split('\n')[0]!.replace(/\.?$/, '.');
}
