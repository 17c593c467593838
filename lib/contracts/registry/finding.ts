/** What can be found about the contracts of a project. */
export type FindingKind =
  /** Declared, and not in the registry. */
  | 'unregistered'
  /** The registry has another schema for it than code. */
  | 'changed'
  /** The file in the registry is none that `accept` wrote. */
  | 'broken'
  /** The file is not, byte for byte, as it was published. */
  | 'rewritten'
  /** The file was published, and is gone. */
  | 'removed'
  /** It breaks what its compatibility mode promises. */
  | 'incompatible'
  /** A version number was left out. */
  | 'gap'
  /** Its major is lower than that of a version before. */
  | 'majorFalls'
  /** Published, and no longer read by who reads the newest version. */
  | 'retired'
  /** A consumer gets a version that its handler cannot read. */
  | 'cannotRead'
  /** A consumer gets a type that its handler does not know. */
  | 'unhandled'
  /** A consumer needs what the event does not have. */
  | 'unsatisfied';

/** Something that was found. Errors fail the check, notes do not. */
export interface Finding {
  readonly kind: FindingKind;
  readonly severity: 'error' | 'note';
  readonly type: string;
  readonly version: number | undefined;
  /** The file that it is about, in the registry or of the code. */
  readonly file?: string;
  /** The consumer that it is about, and who answers for it. */
  readonly consumer?: string;
  readonly owner?: string;
  /** What is the matter, and what to do. */
  readonly message: string;
  /** The places that show it. */
  readonly places?: readonly Place[];
}

/** A place in a schema that shows what was found. */
export interface Place {
  /** A JSON pointer in fragment form: `#/properties/lines/items`. */
  readonly path: string;
  /** The kind of change from what is written to what is read, as docs/compatibility.md has them. */
  readonly kind?: string;
  readonly reason: string;
}
