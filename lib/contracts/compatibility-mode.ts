/**
 * What versions of a type promise each other.
 * Source of the names: Confluent Schema Registry documentation, "Schema Evolution and Compatibility".
 */
export type CompatibilityMode =
  | 'NONE'
  | 'BACKWARD'
  | 'BACKWARD_TRANSITIVE'
  | 'FORWARD'
  | 'FORWARD_TRANSITIVE'
  | 'FULL'
  | 'FULL_TRANSITIVE';
