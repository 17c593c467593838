import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import { UnsafePropsError } from './errors.ts';
import { installRules } from './rules/rules.ts';
import { customerKey } from './security/key.ts';
import { asWritten } from './security/name-patterns.ts';

/** What a {@link ClaimCheck} takes. */
export interface ClaimCheckProps {
  /**
   * The customer managed key that encrypts the bucket.
   *
   * @default a new key, rotated yearly
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * How long data is kept, in whole days. Longer than every way back of each consumer: its queue's retention, 14 days in the DLQ and
   * 14 days as undeliverable.
   *
   * @default Duration.days(45)
   */
  readonly retention?: Duration;

  /**
   * Where S3 writes who read and wrote what.
   *
   * @default nowhere: CloudTrail's data events say the same, for whoever records them
   */
  readonly accessLogs?: s3.IBucket;

  /**
   * What happens to bucket (and its own key) when they leave the stack. CloudFormation deletes empty buckets only, also with
   * DESTROY.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE: events that are still on their way would lose their data
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** What is known of a claim check that was made elsewhere. */
export interface ClaimCheckAttributes {
  /** That of the bucket. Who reads and writes there is said by its policy, as far as it is of another account. */
  readonly bucketArn: string;

  /**
   * The customer managed key that encrypts it; its owner has to admit who uses it.
   *
   * @default none that anybody here needs to use
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * How long its owner keeps data.
   *
   * @default Duration.days(45)
   */
  readonly retention?: Duration;

  /**
   * Where the bucket is.
   *
   * @default that of the stack
   */
  readonly region?: string;
}

/** Where the data of events is that is too large to travel, made in this app or elsewhere. */
export interface IClaimCheck extends IConstruct {
  readonly bucket: s3.IBucket;
  /** The key that encrypts it; undefined when nobody said so. */
  readonly encryptionKey: kms.IKey | undefined;
  /** How long data is kept. */
  readonly retention: Duration;
  /** Where the bucket is. Functions elsewhere cannot use it. */
  readonly region: string;
  /** The variable by which a function finds it. */
  readonly environment: Readonly<Record<string, string>>;

  /** Lets a principal fetch data, and be told when there is none; and use the bucket's key for that. */
  grantRead(grantee: iam.IGrantable): iam.Grant;

  /** Lets a principal put data there, and use the bucket's key for that. It can neither read nor delete. */
  grantWrite(grantee: iam.IGrantable): iam.Grant;
}

/** 14 days in a queue, in its DLQ and as undeliverable at the most, and a weekend. */
const RETENTION = Duration.days(45);
/** How long what was overwritten or deleted can be brought back. */
const SECOND_THOUGHTS = Duration.days(7);

abstract class ClaimCheckBase extends Construct implements IClaimCheck {
  abstract readonly bucket: s3.IBucket;
  abstract readonly encryptionKey: kms.IKey | undefined;
  abstract readonly retention: Duration;
  abstract readonly region: string;

  get environment(): Readonly<Record<string, string>> {
    return { BATON_CLAIM_CHECK_BUCKET: this.bucket.bucketName };
  }

  grantRead(grantee: iam.IGrantable): iam.Grant {
    // Without ListBucket S3 says "denied" of what is not there (source: GetObject, Amazon S3 API reference).
    const list = iam.Grant.addToPrincipal({
      grantee,
      actions: ['s3:ListBucket'],
      resourceArns: [this.bucket.bucketArn],
    });
    return this.#grant(grantee, 's3:GetObject', 'kms:Decrypt').combine(list);
  }

  grantWrite(grantee: iam.IGrantable): iam.Grant {
    return this.#grant(grantee, 's3:PutObject', 'kms:GenerateDataKey');
  }

  /** Source of the key's actions: Amazon S3 user guide, "Using server-side encryption with AWS KMS keys". */
  #grant(grantee: iam.IGrantable, action: string, keyAction: string): iam.Grant {
    const objects = this.bucket.arnForObjects('*');
    const grant = iam.Grant.addToPrincipal({ grantee, actions: [action], resourceArns: [objects] });
    explainObjects(grantee, objects);
    if (this.encryptionKey === undefined) return grant;
    const resourceArns = [this.encryptionKey.keyArn];
    return grant.combine(iam.Grant.addToPrincipal({ grantee, actions: [keyAction], resourceArns }));
  }
}

/**
 * A bucket for the data of events that is too large to travel: the event carries a reference, and handlers see the data all the
 * same. An {@link EventTopic} or a {@link CommandQueue} is given it as `claimCheck`.
 *
 * Encrypted, open to TLS only, closed to the public, without access lists. Objects are written once and expire; what was overwritten or
 * deleted can be brought back for 7 days. CloudFormation names it: names of buckets are shared by the whole world.
 *
 * @throws UnsafePropsError when `retention` is no whole number of days
 */
export class ClaimCheck extends ClaimCheckBase {
  /** A bucket that was made elsewhere, also in another account. */
  static fromBucketAttributes(scope: Construct, id: string, attributes: ClaimCheckAttributes): IClaimCheck {
    return new ImportedClaimCheck(scope, id, attributes);
  }

  readonly bucket: s3.Bucket;
  readonly encryptionKey: kms.IKey;
  readonly retention: Duration;
  readonly region: string;

  constructor(scope: Construct, id: string, props: ClaimCheckProps = {}) {
    super(scope, id);
    this.region = Stack.of(this).region;
    installRules(this);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    this.retention = props.retention ?? RETENTION;
    refusePartsOfDays(this, this.retention);
    this.encryptionKey =
      props.encryptionKey ?? customerKey(this, { description: `Data of events in ${this.node.path}`, removalPolicy });
    this.bucket = new s3.Bucket(this, 'Bucket', {
      encryption: s3.BucketEncryption.KMS,
      encryptionKey: this.encryptionKey,
      // One request to KMS for many objects.
      bucketKeyEnabled: true,
      enforceSSL: true,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: true,
      lifecycleRules: [
        {
          id: 'Expire',
          expiration: this.retention,
          noncurrentVersionExpiration: SECOND_THOUGHTS,
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
      ...(props.accessLogs && {
        serverAccessLogsBucket: props.accessLogs,
        serverAccessLogsPrefix: `${this.node.path}/`,
      }),
      removalPolicy,
    });
    if (props.accessLogs) return;
    Validations.of(this.bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Functions read and write it under roles of their own, for as long as an event lives; CloudTrail data events tell who did, and `accessLogs` takes a bucket for logs.',
    });
  }
}

class ImportedClaimCheck extends ClaimCheckBase {
  readonly bucket: s3.IBucket;
  readonly encryptionKey: kms.IKey | undefined;
  readonly retention: Duration;
  readonly region: string;

  constructor(scope: Construct, id: string, attributes: ClaimCheckAttributes) {
    super(scope, id);
    const { bucketArn, encryptionKey, retention = RETENTION, region = Stack.of(this).region } = attributes;
    this.retention = retention;
    this.region = region;
    this.encryptionKey = encryptionKey;
    this.bucket = s3.Bucket.fromBucketArn(this, 'Bucket', bucketArn);
  }
}

function refusePartsOfDays(scope: Construct, retention: Duration): void {
  const days = retention.isUnresolved() ? Number.NaN : retention.toDays({ integral: false });
  if (Number.isInteger(days) && days >= 1) return;
  throw new UnsafePropsError(scope, `\`retention\` is ${days} days.`, 'S3 counts in whole days, one or more.');
}

/** Which object it will be, only the event knows. */
function explainObjects({ grantPrincipal }: iam.IGrantable, objects: string): void {
  if (!(grantPrincipal instanceof iam.Role)) return;
  const role = grantPrincipal;
  // A reference to another stack gets its last form just before.
  role.node.addValidation({
    validate: () => {
      Validations.of(role).acknowledge({
        id: `AwsSolutions-IAM5[Resource::${asWritten(Stack.of(role).resolve(objects))}]`,
        reason:
          'Each event that is too large to travel has an object of its own, under a name that follows from its id.',
      });
      return [];
    },
  });
}
