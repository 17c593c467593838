import {
  type CfnResource,
  DefaultTokenResolver,
  type IFragmentConcatenator,
  type IPostProcessor,
  type IResolvable,
  type IResolveContext,
  Reference,
  Tokenization,
} from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Around a reference in a text; no template that anybody writes holds them. */
const [OPEN, CLOSE] = ['⟦', '⟧'];

/** Parts of a text that only CloudFormation can compute stay readable in it. */
const IN_FULL: IFragmentConcatenator = {
  join: (left: unknown, right: unknown) =>
    [left, right].map((part) => (typeof part === 'object' ? JSON.stringify(part) : (part ?? ''))).join(''),
};

/** Resolves everything but references, which stay what they are: a construct and an attribute, in whichever stack. */
class ReferencesAsText extends DefaultTokenResolver {
  constructor() {
    super(IN_FULL);
  }

  override resolveToken(token: IResolvable, context: IResolveContext, postProcessor: IPostProcessor): unknown {
    if (!Reference.isReference(token)) return super.resolveToken(token, context, postProcessor);
    return `${OPEN}${token.target.node.path}|${token.displayName}${CLOSE}`;
  }
}

const RESOLVER = new ReferencesAsText();

/** A value as the template will have it, with texts in place of references that {@link referenceIn} reads. */
export function valueIn(scope: IConstruct, value: unknown): unknown {
  return Tokenization.resolve(value, { scope, resolver: RESOLVER, preparing: false });
}

/** The properties of a resource as its template will have them, overrides included. */
export function propertiesOf(resource: CfnResource): Record<string, unknown> {
  // What the stack itself renders; there is no other way to see what `addPropertyOverride` did.
  const rendered = valueIn(resource, resource._toCloudFormation()) as {
    Resources?: Record<string, { Properties?: Record<string, unknown> }>;
  };
  return Object.values(rendered.Resources ?? {})[0]?.Properties ?? {};
}

/** Whether a resource has overrides, so that its typed properties are not all there is. */
export function isOverridden(resource: CfnResource): boolean {
  const { rawOverrides } = resource as unknown as { rawOverrides?: object };
  return rawOverrides === undefined || Object.keys(rawOverrides).length > 0;
}

/** The path of the construct that a value refers to; undefined when it is no reference, or a text around one. */
export function referenceIn(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const [first, ...more] = referencesWithin(value);
  return more.length === 0 && value.startsWith(OPEN) && value.endsWith(CLOSE) ? first : undefined;
}

/** The paths of all constructs that a value refers to, however deep in it, and in whatever text. */
export function referencesWithin(value: unknown): string[] {
  const text = JSON.stringify(value) ?? '';
  return [...text.matchAll(/⟦([^⟧]*)\|[^|⟧]*⟧/g)].map((match) => match[1]!);
}

/** A number, also one that is written as a text; undefined when it cannot be known at synth. */
export function numberIn(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined;
}

/** An object, also one that is written as JSON text; undefined when it is none, or cannot be known at synth. */
export function objectIn(value: unknown): Record<string, unknown> | undefined {
  if (typeof value === 'string') {
    try {
      return objectIn(JSON.parse(value));
    } catch {
      return undefined;
    }
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
