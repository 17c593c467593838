import { ConfigurationError } from '../errors.ts';

/** Source: partitions of the AWS endpoint rules. Every other region is in the `aws` partition. */
const SUFFIXES: readonly [prefix: string, suffix: string][] = [
  ['cn-', 'amazonaws.com.cn'],
  ['us-iso-', 'c2s.ic.gov'],
  ['us-isob-', 'sc2s.sgov.gov'],
  ['us-isof-', 'csp.hci.ic.gov'],
  ['eu-isoe-', 'cloud.adc-e.uk'],
  ['eusc-', 'amazonaws.eu'],
];

/** Services whose endpoint variable is not called after the name that they are addressed and signed by. */
const VARIABLES: Readonly<Record<string, string>> = { monitoring: 'CLOUDWATCH' };

const known = new Map<string, URL>();

/**
 * Where a service is: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, or its regional endpoint (a FIPS one with
 * `AWS_USE_FIPS_ENDPOINT`).
 * @param bucket of S3: named by the host, as S3 wants it, unless the endpoint is another one or a certificate would not fit
 * @throws ConfigurationError without a region
 */
export function endpointOf(
  service: string,
  environment: Record<string, string | undefined>,
  bucket?: string,
): { url: URL; region: string } {
  const region = environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION;
  if (region === undefined) {
    throw new ConfigurationError('AWS_REGION is not set. Lambda sets it; elsewhere, set it yourself.');
  }
  const given =
    environment[`AWS_ENDPOINT_URL_${VARIABLES[service] ?? service.toUpperCase()}`] ?? environment.AWS_ENDPOINT_URL;
  const inHost = bucket !== undefined && given === undefined && !bucket.includes('.');
  const host = `${service}${environment.AWS_USE_FIPS_ENDPOINT === 'true' ? '-fips' : ''}.${region}.${suffixOf(region)}`;
  const base = given ?? `https://${inHost ? `${bucket}.` : ''}${host}`;
  const address = bucket === undefined || inHost ? base : `${base.replace(/\/$/, '')}/${bucket}`;
  let url = known.get(address);
  if (url === undefined) {
    url = new URL(address);
    known.set(address, url);
  }
  return { url, region };
}

function suffixOf(region: string): string {
  return SUFFIXES.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'amazonaws.com';
}
