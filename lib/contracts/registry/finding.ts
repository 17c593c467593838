/** What can be found about the contracts of a project. */
export type FindingKind =
  /** Declared, and not in the registry. */
  | 'unregistered'
  /** Used by topics or consumers, and neither a module of the events nor the registry has it. */
  | 'undeclared'
  /** The registry has another schema for it than code. */
  | 'changed'
  /** The schemas say the same, and what code checks beside them is not the same. */
  | 'rulesChanged'
  /** The registry has a newer version than code. */
  | 'behind'
  /** A file in the registry cannot be read as a version that `accept` wrote. */
  | 'broken'
  /** The file is not, byte for byte, as it was published. */
  | 'rewritten'
  /** The file was published, and is gone. */
  | 'removed'
  /** The base published it after the branch left. */
  | 'unmerged'
  /** It breaks what its compatibility mode promises. */
  | 'incompatible'
  /** A version number was left out. */
  | 'gap'
  /** Its major is lower than that of a version before. */
  | 'majorFalls'
  /** Published, and readers of the newest version do not accept it any more. */
  | 'unreached'
  /** So it is, and nobody carries, publishes or reads it. */
  | 'retired'
  /** A consumer gets a version that its handler cannot read: it would be a dead letter. */
  | 'cannotRead'
  /** A consumer's code has left a version behind that it still gets. */
  | 'leftBehind'
  /** A consumer gets a type that its handler does not know. */
  | 'unhandled'
  /** A handler knows a type that its consumer does not get. */
  | 'undelivered'
  /** An upcaster fails for data of the version before. */
  | 'upcast'
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
  /** The promises that are broken, where it is about one. */
  readonly breaks?: readonly ('BACKWARD' | 'FORWARD')[];
  /** The headers that were taken away, where it is about that. */
  readonly lostHeaders?: readonly string[];
  /** The consumers that meet what was found. */
  readonly meets?: readonly { readonly consumer: string; readonly owner: string }[];
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
