import { z } from 'zod';
import { createEnvelope, defineEvent, type Envelope, type EventOf } from '../../../lib/contracts/index.ts';

/** An event that may be as large as it likes. */
export const DocumentSigned = defineEvent({
  type: 'document.signed',
  version: 1,
  description: 'Everybody has signed a document.',
  key: (document) => document.documentId,
  schema: z.object({ documentId: z.string(), signer: z.string(), text: z.string() }),
  sensitive: ['signer'],
});

export type Document = { documentId: string; signer: string; text: string };

/** A document with so many bytes of text. */
export function documentOf(documentId: string, bytes: number): Document {
  return { documentId, signer: 'Ann Lee of Ely', text: 'ä€'.repeat(bytes / 5).padEnd(bytes / 5, '.') };
}

export function documentSigned(documentId: string, bytes: number): EventOf<typeof DocumentSigned> {
  return createEnvelope(DocumentSigned, documentOf(documentId, bytes), { source: '/law', id: `signed-${documentId}` });
}

/** The same event with its data elsewhere, as some producer may have written it. */
export function referring(envelope: Envelope, dataref: string, datahash: string | undefined): Envelope {
  const { data, ...rest } = envelope;
  return { ...rest, dataref, ...(datahash !== undefined && { datahash }) } as Envelope;
}
