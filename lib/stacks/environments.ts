import { z } from 'zod';

/** The root of what can be wrong with the environment that was asked for. */
export class EnvironmentError extends Error {
  override name = 'EnvironmentError';
}

/** There is no environment of that name. */
export class UnknownEnvironmentError extends EnvironmentError {
  override name = 'UnknownEnvironmentError';
}

/** The environment lacks a field, or has one that cannot be used; the message lists all of them. */
export class IncompleteEnvironmentError extends EnvironmentError {
  override name = 'IncompleteEnvironmentError';
}

/** The retention times, in days, that CloudWatch Logs knows (source: PutRetentionPolicy in its API reference). */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

const NO_TARGET = 'not an e-mail address, nor { https }, { slack } or { teams }';

/** Where an address is kept that is as good as a password: a secret (`field`: of a JSON secret), or an SSM parameter. */
const Url = z.union([
  z.strictObject({ secret: z.string().min(1), field: z.string().min(1).optional() }),
  z.strictObject({ parameter: z.string().min(1) }),
]);

/** Somebody, or something that reaches somebody. Addresses that are secrets are named here, never written. */
const Target = z.union(
  [
    z.email(NO_TARGET),
    /** PagerDuty, Opsgenie, ... */
    z.strictObject({ https: Url }),
    /** A channel of Slack or Teams, through Amazon Q Developer in chat applications. */
    z.strictObject({ slack: z.strictObject({ workspaceId: z.string(), channelId: z.string() }) }),
    z.strictObject({ teams: z.strictObject({ tenantId: z.string(), teamId: z.string(), channelId: z.string() }) }),
  ],
  NO_TARGET,
);
const Targets = z.array(Target);
const Principals = z.array(z.string().startsWith('arn:', 'not an ARN')).min(1, 'nobody could take the role');
const Objective = z.number().gt(50, 'not more than 50 percent').lt(100, 'no budget is left at 100 percent');

const EnvironmentSchema = z.strictObject({
  /** The AWS account, 12 digits. Left out, it is the account of the credentials that deploy. */
  account: z
    .string()
    .regex(/^\d{12}$/, 'an account has 12 digits')
    .optional(),
  /** The AWS region. Left out, it is the region of the profile that deploys. */
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'not a region such as eu-central-1')
    .optional(),
  /** Who is told of what wakes somebody, of what waits until the morning, and of what lasts although somebody was woken. */
  onCall: z.strictObject({
    page: Targets,
    ticket: Targets,
    escalate: Targets.optional(),
    /** A service outside AWS that expects a call every minute, and pages when none comes. */
    deadMansSwitch: Url.optional(),
    /** Where alarms say the runbooks are. Left out, it is their folder in the repository. */
    runbooks: z.url('not a URL').optional(),
  }),
  /** What each business flow promises, in percent over 30 days. */
  objectives: z.strictObject({
    /** Events that are handled, of those that are settled. */
    success: Objective,
    /** Of the handled ones, those that were in time. */
    latency: Objective,
    /** Notifications that reach their queue, of those that SNS tries. */
    delivery: Objective,
  }),
  /**
   * Who may take the roles of people: ARNs of IAM roles or users. Left out, it is whoever in the account is allowed to assume roles.
   */
  people: z.strictObject({ readers: Principals, operators: Principals }).optional(),
  /** What becomes of data (tables, queues, keys, logs) that leaves a stack. `retain` also protects tables and stacks from deletion. */
  removalPolicy: z.enum(['destroy', 'retain']),
  logRetentionDays: z.literal(LOG_RETENTION_DAYS, 'not a retention that CloudWatch Logs knows'),
  /** When alarms fire, beside the age alarm, which follows from each consumer's `maxAge`. */
  alarms: z.strictObject({
    /** Messages waiting. */
    depth: z.int().positive(),
    /** Failures among what is handled. */
    failurePercent: z.number().positive().max(100),
  }),
  outbox: z.strictObject({
    /** What starts the relay: the table's stream, or the relay itself, by looking. */
    relay: z.enum(['stream', 'polling']),
    /** About 300 commits a second each. */
    shards: z.int().min(1).max(256),
  }),
  /** Where `billing` sends charges. */
  paymentProviderUrl: z.url({ protocol: /^https?$/, error: 'not an http or https URL' }),
});

/** Where notifications go. */
export type OnCallTargetConfig = z.infer<typeof Target>;

/** Where an address is kept. */
export type UrlConfig = z.infer<typeof Url>;

/** What differs between two deployments of the same pipeline. */
export type EnvironmentConfig = z.infer<typeof EnvironmentSchema>;

/** An environment, checked. */
export type Environment = EnvironmentConfig & { readonly name: string };

/** Yours to edit: your accounts, regions, people and provider. */
const environments: Record<string, EnvironmentConfig> = {
  dev: {
    onCall: { page: [], ticket: [] },
    objectives: { success: 99, latency: 95, delivery: 99 },
    removalPolicy: 'destroy',
    logRetentionDays: 7,
    alarms: { depth: 500, failurePercent: 50 },
    outbox: { relay: 'polling', shards: 1 },
    paymentProviderUrl: 'https://payments.dev.example.com',
  },
  staging: {
    onCall: { page: [], ticket: ['shop-staging@example.com'] },
    objectives: { success: 99.5, latency: 99, delivery: 99.9 },
    removalPolicy: 'destroy',
    logRetentionDays: 30,
    alarms: { depth: 1000, failurePercent: 25 },
    outbox: { relay: 'stream', shards: 8 },
    paymentProviderUrl: 'https://payments.staging.example.com',
  },
  prod: {
    // account: '111111111111', region: 'eu-central-1': with both set, credentials of another account are refused.
    onCall: { page: ['shop-on-call@example.com'], ticket: ['shop-tickets@example.com'] },
    objectives: { success: 99.9, latency: 99, delivery: 99.99 },
    removalPolicy: 'retain',
    logRetentionDays: 365,
    alarms: { depth: 1000, failurePercent: 20 },
    outbox: { relay: 'stream', shards: 8 },
    paymentProviderUrl: 'https://payments.example.com',
  },
};

/** The environments that there are. */
export const environmentNames: readonly string[] = Object.keys(environments);

/** The environment that `cdk` takes when it is told none. */
export const DEFAULT_ENVIRONMENT = 'dev';

/**
 * Finds an environment and checks it.
 *
 * @param known the environments to look in @default those of this file
 * @throws UnknownEnvironmentError with the names that there are
 * @throws IncompleteEnvironmentError with every field that is missing or wrong
 */
export function environmentNamed(name: string, known: Readonly<Record<string, unknown>> = environments): Environment {
  if (!Object.hasOwn(known, name)) {
    throw new UnknownEnvironmentError(
      `There is no environment '${name}'. There are ${Object.keys(known).join(', ')}: choose one with \`-c env=NAME\`, or add '${name}' to lib/stacks/environments.ts.`,
    );
  }
  const checked = EnvironmentSchema.safeParse(known[name]);
  if (!checked.success) {
    const listed = checked.error.issues.flatMap((issue) => describe(issue, known[name]));
    throw new IncompleteEnvironmentError(
      [`The environment '${name}' is incomplete. Correct it in lib/stacks/environments.ts:`, ...listed].join('\n  '),
    );
  }
  return { name, ...checked.data };
}

function describe(issue: z.core.$ZodIssue, config: unknown): string[] {
  const at = (path: readonly PropertyKey[]) => path.map(String).join('.') || 'the environment';
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${at([...issue.path, key])} is not a field of an environment`);
  }
  const value = issue.path.reduce<unknown>(
    (found, step) => (found as Record<PropertyKey, unknown> | undefined)?.[step],
    config,
  );
  if (value !== undefined) return [`${at(issue.path)} is ${JSON.stringify(value)}: ${issue.message}`];
  const fields = fieldsBelow(issue.path);
  return fields.length === 0
    ? [`${at(issue.path)} is missing`]
    : fields.map((field) => `${at([...issue.path, field])} is missing`);
}

/** A section that is missing as a whole lacks each of its required fields: those are what somebody has to fill in. */
function fieldsBelow(path: readonly PropertyKey[]): string[] {
  const [section] = path;
  if (path.length !== 1 || typeof section !== 'string' || !Object.hasOwn(EnvironmentSchema.shape, section)) return [];
  const schema = EnvironmentSchema.shape[section as keyof typeof EnvironmentSchema.shape];
  if (!(schema instanceof z.ZodObject)) return [];
  const required = Object.entries(schema.shape).filter(
    ([, field]) => !(field as z.ZodType).safeParse(undefined).success,
  );
  return required.map(([field]) => field);
}
