import type { Deployment } from '../operations/contracts/deployment.ts';
import type { InFlight, InFlightRow, QueueReport } from '../operations/contracts/in-flight.ts';
import type { ConsumerReader } from '../operations/contracts/readers.ts';
import { UsageError } from './failure.ts';

/** What was found in the queues and DLQs of an environment. */
export interface InFlightReport extends InFlight {
  /** Where its consumers are, as far as the assembly says so. */
  account?: string;
  region?: string;
  /** Whether no message in a consumer's queue was unreadable; those in DLQs are counted in `rows`. */
  readable: boolean;
  /** Whether those in DLQs fail the check as well. */
  strict: boolean;
}

/** Whose queues to look into, and how. */
export interface LookProps {
  env: string;
  readers: readonly ConsumerReader[];
  deployment: Deployment;
  /** Whether it runs on this machine. */
  local: boolean;
  sample: number;
  strict: boolean;
  /** Aborted when the operator does not want to wait any longer. */
  interrupted: AbortController;
  say: (line: string) => void;
}

/** What a look came to. */
export interface Look {
  /** Missing when nothing was looked into. */
  inFlight?: InFlightReport;
  /** Why nothing is known of all of it, in sentences. */
  unfinished: readonly string[];
  notes: readonly string[];
}

/** Looks into the queues of an environment, where the assembly says that they are; a signal ends that in good order. */
export async function lookAtQueues(props: LookProps): Promise<Look> {
  const { env, readers, deployment, local, sample, strict, interrupted, say } = props;
  const place = local ? {} : placeOf(deployment);
  const [{ SQSClient }, { inFlight }] = await Promise.all([
    import('@aws-sdk/client-sqs'),
    import('../operations/contracts/in-flight.ts'),
  ]);
  const sqs = new SQSClient(place.region === undefined ? {} : { region: place.region });
  const interrupt = () => interrupted.abort(new Error('it was interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const verified = await verifyAccount(sqs, env, place);
    if (verified.problem !== undefined) return { unfinished: [verified.problem], notes: [] };
    const consumers = readers.map(({ consumer }) => consumer);
    say(`Looking into the queues of ${consumers.length} consumers in ${env} ...`);
    const seen = await inFlight({ sqs, consumers, readers, sample, signal: interrupted.signal, say });
    const readable = seen.rows.every(({ queue, unreadable }) => queue === 'dlq' || unreadable === 0);
    const report = { ...place, ...seen, readable, strict };
    if (seen.queues.length === 0 || seen.queues.some(({ status }) => status !== 'missing')) {
      return { inFlight: report, unfinished: [], notes: [] };
    }
    const sure = verified.known && place.region !== undefined;
    const said = nothingThere(env, seen.queues.length, { ...place, local, sure });
    return { inFlight: report, unfinished: sure ? [] : [said], notes: sure ? [said] : [] };
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    sqs.destroy();
  }
}

interface Place {
  account?: string;
  region?: string;
}

/** @throws UsageError when there are several */
export function placeOf({ accounts, regions }: Deployment): Place {
  if (accounts.length > 1 || regions.length > 1) {
    throw new UsageError(
      `The consumers of this assembly are in several places (${[...accounts, ...regions].join(', ')}), and one is looked into at a time. Give the assembly of one with --assembly.`,
    );
  }
  const [[account], [region]] = [accounts, regions];
  return { ...(account !== undefined && { account }), ...(region !== undefined && { region }) };
}

type Caller = Parameters<typeof import('../operations/caller.ts').callerArn>[0];

/** Whether the credentials are of the account that the assembly names; `known` when somebody who knows has said so. */
async function verifyAccount(
  client: Caller,
  env: string,
  { account }: Place,
): Promise<{ known: boolean; problem?: string }> {
  const { AWS_ENDPOINT_URL: elsewhere, AWS_ENDPOINT_URL_STS: endpoint } = process.env;
  if (account === undefined || elsewhere) return { known: false };
  const { callerArn } = await import('../operations/caller.ts');
  let arn: string;
  try {
    arn = await callerArn(client, endpoint || undefined);
  } catch (error) {
    const problem = `${env} is in the account ${account}, and whose credentials these are STS did not say (${(error as Error).message.replace(/\.$/, '')}). Sign in to AWS first.`;
    return { known: false, problem };
  }
  const found = arn.split(':')[4];
  if (found === account) return { known: true };
  const problem = `${env} is in the account ${account}, and the credentials are of ${found} (${arn}): its queues were not looked into. Sign in to ${account}, for example with AWS_PROFILE.`;
  return { known: false, problem };
}

function nothingThere(
  env: string,
  queues: number,
  { account, region, local, sure }: Place & { local: boolean; sure: boolean },
): string {
  if (local)
    return `None of the ${queues} queues of ${env} is on this machine. Start it with \`npm start -- --env ${env}\`.`;
  const there = `${region === undefined ? 'the region in use' : region}${account === undefined ? '' : ` of the account ${account}`}`;
  if (sure) return `None of the ${queues} queues of ${env} is in ${there}: nothing is deployed there yet.`;
  return `None of the ${queues} queues of ${env} is in ${there}. Check region and credentials (AWS_REGION, AWS_PROFILE), or name \`account\` and \`region\` of ${env} in lib/stacks/environments.ts: then an environment that is not deployed yet is told apart from the wrong place.`;
}

/** What fails a check beside what is in the queues. */
export interface Leniency {
  /** Whether DLQs count as well. */
  strict: boolean;
  /** Whether messages may stay unjudged. */
  allowUnjudged: boolean;
  /** Consumers of which it is told anyway that nobody knows what they read. */
  told: ReadonlySet<string>;
}

/** Why nobody can say that everything in flight can be read, in sentences. */
export function unfinishedLooks({ queues, rows }: InFlight, { strict, allowUnjudged, told }: Leniency): string[] {
  const counts = ({ consumer, queue }: { consumer: string; queue: QueueReport['queue'] }) =>
    (strict || queue === 'queue') && !told.has(consumer);
  const interrupted = queues.some(({ status }) => status === 'interrupted');
  const failures = Map.groupBy(
    queues.filter(({ status }) => status === 'failed'),
    ({ note = '' }) => note,
  );
  const kept = queues.filter(({ notGivenBack }) => notGivenBack > 0);
  return [
    ...(interrupted ? ['It was interrupted, so not every queue was looked into.'] : []),
    ...[...failures].map(([note, those]) => `${those.map(({ name }) => name).join(', ')} could not be read. ${note}`),
    ...kept.map(({ name, notGivenBack }) => {
      return `${name}: ${messages(notGivenBack)} could not be given back: hidden for up to a minute.`;
    }),
    ...(allowUnjudged ? [] : [...queues.filter(counts).flatMap(unlooked), ...rows.filter(counts).flatMap(unjudgedOf)]),
  ];
}

const ACCEPT = 'If that is acceptable, say --allow-unjudged.';

function unlooked({ name, status, visible, note = '' }: QueueReport): string[] {
  if (visible === 0 || (status !== 'spared' && status !== 'counted')) return [];
  return [`${name}: about ${messages(visible)} not judged. ${note} ${ACCEPT}`];
}

function unjudgedOf({ consumer, queue, unjudged, type, version, examples }: InFlightRow): string[] {
  if (unjudged === 0) return [];
  const event = type === undefined ? '' : ` of ${type}${version === undefined ? '' : ` v${version}`}`;
  const example = examples.find(({ verdict }) => verdict === 'unjudged');
  const why = example === undefined ? '' : ` ${example.message}`;
  const place = queue === 'dlq' ? 'DLQ' : 'queue';
  return [`${messages(unjudged)}${event} in the ${place} of ${consumer} not judged.${why} ${ACCEPT}`];
}

function messages(number: number): string {
  return `${number} message${number === 1 ? '' : 's'}`;
}
