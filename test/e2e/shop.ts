import { fileURLToPath } from 'node:url';
import { SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { Order } from '../../events/order.ts';
import { type LocalCloud, type LocalCloudProps, startLocalCloud } from '../../lib/local/cloud.ts';
import { type DeadLetter, readDeadLetters } from '../../lib/superstore/dead-letters.ts';
import { type Effects, readEffects } from '../../lib/superstore/effects.ts';
import { type PaymentProvider, startPaymentProvider } from '../../lib/superstore/payment-provider.ts';
import { type PlacingProps, placeOrders } from '../../lib/superstore/placing.ts';
import { seededRandom } from '../../lib/superstore/random.ts';

/** The order pipeline on this machine, with what a test needs of it. */
export interface Shop {
  readonly cloud: LocalCloud;
  readonly provider: PaymentProvider;
  /** What the cloud told the developer. */
  readonly lines: string[];
  /** Places orders; resolves when the queue has accepted them all. */
  place(orders: readonly Order[], options?: Pick<PlacingProps, 'rate' | 'onAccepted' | 'signal'>): Promise<number>;
  effects(): Promise<Effects>;
  deadLetters(): Promise<DeadLetter[]>;
  close(): Promise<void>;
}

const project = fileURLToPath(new URL('../..', import.meta.url));

/** Opens the shop: a payment provider that never fails unless told to, and the templates of `dev`. */
export async function openShop({
  paymentFailures = 0,
  seed = 1,
  ...props
}: Partial<LocalCloudProps> & { paymentFailures?: number; seed?: number } = {}): Promise<Shop> {
  const provider = await startPaymentProvider({ failureRate: paymentFailures, random: seededRandom(seed) });
  const lines: string[] = [];
  try {
    const cloud = await startLocalCloud({
      projectDirectory: project,
      env: 'dev',
      environment: { PAYMENT_PROVIDER_URL: provider.url },
      random: seededRandom(seed + 1),
      say: (line) => lines.push(line),
      ...props,
    });
    const { sqs, dynamodb } = cloud.engines.clients;
    return {
      cloud,
      provider,
      lines,
      place: (orders, options) =>
        placeOrders({ sqs, queueUrl: consumerQueue(cloud, 'place-order').queueUrl, orders, ...options }),
      effects: () => readEffects(dynamodb, shopTable(cloud)),
      deadLetters: async () =>
        (await Promise.all(cloud.deadLetterQueues().map(({ url }) => readDeadLetters(sqs, url)))).flat(),
      async close() {
        await cloud.stop();
        await provider.stop();
      },
    };
  } catch (error) {
    await provider.stop();
    throw error;
  }
}

/** The table that the consumers write to. */
export function shopTable({ resources }: LocalCloud): string {
  return resources.functions.find((fn) => fn.environment.SHOP_TABLE)!.environment.SHOP_TABLE!;
}

/** The queue of a consumer. */
export function consumerQueue(cloud: LocalCloud, name: string) {
  return cloud.consumerQueues().find(({ consumer }) => consumer === name)!;
}

/**
 * Makes functions time out, and messages of a dead worker come back, after seconds instead of minutes: what the templates
 * say (30 s and six times that) is right, and a long wait for a test.
 */
export async function shortenTimeouts({ engines, resources, consumerQueues }: LocalCloud, seconds: number) {
  // a relay works for most of a minute, and starts only once a minute
  const scheduled = new Set(
    resources.schedules.flatMap(({ targets }) => targets.map(({ to }) => to.kind === 'function' && to.functionName)),
  );
  for (const fn of resources.functions) if (!scheduled.has(fn.name)) fn.timeoutSeconds = seconds;
  await shortenVisibility(
    engines.clients.sqs,
    consumerQueues().map(({ queueUrl }) => queueUrl),
    seconds + 1,
  );
}

/** Sets the visibility timeout of queues, in seconds. */
export async function shortenVisibility(
  sqs: LocalCloud['engines']['clients']['sqs'],
  queueUrls: readonly string[],
  seconds: number,
): Promise<void> {
  await Promise.all(
    queueUrls.map((QueueUrl) =>
      sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: String(seconds) } })),
    ),
  );
}
