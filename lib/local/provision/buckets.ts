import { bucketName } from './physical-name.ts';
import { attributes, ProvisionError, type ResourceType, textOf } from './resource-type.ts';

const NO_TRAFFIC_RULES = 'permissions are not enforced on the laptop';

/** AWS::S3::Bucket */
export const bucket: ResourceType = {
  honoured: ['BucketName'],
  notHonoured: {
    BucketEncryption: 'nothing is encrypted on the laptop',
    PublicAccessBlockConfiguration: NO_TRAFFIC_RULES,
    OwnershipControls: NO_TRAFFIC_RULES,
    AccessControl: NO_TRAFFIC_RULES,
    LifecycleConfiguration: 'objects do not expire here',
    VersioningConfiguration: 'there are no versions of objects here',
    NotificationConfiguration: 'buckets send no notifications here',
    LoggingConfiguration: 'access is not logged here',
    Tags: 'buckets have no tags here',
  },
  async provision(declared, { engines }) {
    const name = textOf(declared, 'BucketName') ?? bucketName(declared.stack, declared.logicalId);
    // One plain request, so that the S3 client (70 ms to load) is not needed for it.
    const answer = await fetch(`${engines.endpoints.s3}/${name}`, { method: 'PUT' });
    const text = await answer.text();
    if (!answer.ok && answer.status !== 409) {
      throw new ProvisionError(`${declared.path}: the bucket ${name} was refused (${answer.status}): ${text}`);
    }
    return {
      ref: name,
      getAtt: attributes({
        Arn: `arn:aws:s3:::${name}`,
        DomainName: `${name}.s3.amazonaws.com`,
        RegionalDomainName: `${name}.s3.${engines.region}.amazonaws.com`,
        DualStackDomainName: `${name}.s3.dualstack.${engines.region}.amazonaws.com`,
        WebsiteURL: `${engines.endpoints.s3}/${name}`,
      }),
    };
  },
};
