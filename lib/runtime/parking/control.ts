import type { Envelope } from '../../contracts/envelope.ts';

/** What an operator sends behind the messages of a redrive, in their group: everything before it is settled when it is met. */
export interface Control {
  id: string;
  consumer: string;
  /** The redrive that ends here, if it went well; empty when there is none to end. */
  redriveId: string;
  /** The marker's count, up to which the operator has emptied the DLQ; -1 when that is not certain. */
  count: number;
}

/** The type of a control message. */
export const CONTROL_TYPE = 'baton.key.released';
const SOURCE = '/baton';

/** Reads a control message; undefined when the envelope is an event like any other. */
export function readControl(envelope: Envelope | undefined): Control | undefined {
  if (envelope?.type !== CONTROL_TYPE || envelope.source !== SOURCE) return undefined;
  const data = (envelope.data ?? {}) as Record<string, unknown>;
  return {
    id: envelope.id,
    consumer: String(data.consumer ?? ''),
    redriveId: String(data.redriveId ?? ''),
    count: typeof data.count === 'number' ? data.count : -1,
  };
}
