import type { Answer, UnsignedRequest } from './aws-client.ts';
import { AwsError } from './aws-error.ts';
import { readXml, textOf, type XmlValue } from './xml.ts';

/** How a service is spoken to. */
export interface Protocol {
  write(operation: string, input: object): UnsignedRequest;
  /** @throws when that is no answer of the service */
  read(body: string): object;
}

/** AWS JSON 1.0: DynamoDB, DynamoDB Streams, SQS. */
export function awsJson(targetPrefix: string): Protocol {
  return {
    write: (operation, input) => ({
      method: 'POST',
      path: '/',
      headers: { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': `${targetPrefix}.${operation}` },
      body: JSON.stringify(input, encodeBinary),
      readError: readJsonError,
    }),
    read: (body) => (body === '' ? {} : (JSON.parse(body) as object)),
  };
}

/** Bytes travel as base64 text. */
function encodeBinary(_name: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

/** REST with JSON bodies: Lambda. Each operation says where its input goes. */
export function restJson(
  routes: Readonly<Record<string, (input: Record<string, unknown>) => { method: string; path: string; body?: object }>>,
): Protocol {
  return {
    write(operation, input) {
      const { method, path, body } = routes[operation]!(input as Record<string, unknown>);
      return {
        method,
        path,
        headers: { 'Content-Type': 'application/json' },
        body: body === undefined ? '' : JSON.stringify(body),
        readError: readJsonError,
      };
    },
    read: (body) => (body === '' ? {} : (JSON.parse(body) as object)),
  };
}

/** REST of S3, as far as whole objects are put and read: texts, of which at most so much is read as was asked for. */
export const s3Objects: Protocol = {
  write(operation, input) {
    const { Bucket, Key, Body = '', ContentType, ChecksumSHA256, Range } = input as Readonly<Record<string, string>>;
    return {
      method: operation === 'PutObject' ? 'PUT' : 'GET',
      bucket: Bucket!,
      path: `/${Key!.split('/').map(encode).join('/')}`,
      headers: {
        ...(ContentType !== undefined && { 'Content-Type': ContentType }),
        ...(ChecksumSHA256 !== undefined && {
          'X-Amz-Checksum-Sha256': ChecksumSHA256,
          // of the same bytes, which need not be hashed once more to sign them
          'X-Amz-Content-Sha256': Buffer.from(ChecksumSHA256, 'base64').toString('hex'),
        }),
        ...(Range !== undefined && { Range }),
      },
      body: Body,
      readError: readXmlError,
    };
  },
  read: (Body) => ({ Body }),
};

/** What encodeURIComponent leaves as it is, S3 counts as encoded when it checks the signature. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * AWS Query: parameters in a form, answers in XML. SNS.
 * @param booleans names of answer fields that are true or false; the XML does not tell them from texts
 */
export function awsQuery(version: string, booleans: readonly string[] = []): Protocol {
  return {
    write(operation, input) {
      // URLSearchParams takes four times as long
      const form = new Form();
      form.append('Action', operation);
      form.append('Version', version);
      for (const [name, value] of Object.entries(input)) flatten(form, name, value);
      return {
        method: 'POST',
        path: '/',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: form.text,
        readError: readXmlError,
      };
    },
    read(body) {
      // <PublishResponse><PublishResult>...</PublishResult><ResponseMetadata/></PublishResponse>
      const [root, response] = Object.entries(readXml(body, booleans))[0] ?? [];
      if (!root?.endsWith('Response')) throw new Error('It is no answer of a Query service.');
      const [, result] = Object.entries(response ?? {}).find(([name]) => name.endsWith('Result')) ?? [];
      // an empty element may be an empty list as well as an empty text: left out, it is neither
      return Object.fromEntries(Object.entries(result ?? {}).filter(([, value]) => value !== ''));
    },
  };
}

class Form {
  text = '';

  append(name: string, value: string): void {
    this.text += `${this.text === '' ? '' : '&'}${name}=${encodeURIComponent(value)}`;
  }
}

/** Lists become `name.member.1`, maps `name.entry.1.Name` and `.Value`, structures `name.part`. */
function flatten(form: Form, name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) {
    value.forEach((one, position) => {
      flatten(form, `${name}.member.${position + 1}`, one);
    });
  } else if (name.endsWith('MessageAttributes')) {
    Object.entries(value).forEach(([key, one], position) => {
      form.append(`${name}.entry.${position + 1}.Name`, key);
      flatten(form, `${name}.entry.${position + 1}.Value`, one);
    });
  } else if (value instanceof Uint8Array) {
    form.append(name, Buffer.from(value).toString('base64'));
  } else if (typeof value === 'object') {
    for (const [part, one] of Object.entries(value)) flatten(form, `${name}.${part}`, one);
  } else {
    form.append(name, String(value));
  }
}

function readJsonError({ status, body, errorType }: Answer): AwsError {
  let details: Record<string, unknown> = {};
  try {
    details = (JSON.parse(body) ?? {}) as Record<string, unknown>;
  } catch {
    // a proxy's page, or nothing: the status says what there is to know
  }
  const { __type, code, message, Message, ...rest } = details;
  const name = String(__type ?? errorType ?? code ?? `Http${status}`);
  return new AwsError(shapeOf(name), String(message ?? Message ?? body.slice(0, 200)), { status, details: rest });
}

/** `com.amazonaws.sqs#QueueDoesNotExist` and `ResourceNotFoundException:http://...` name a shape with more around it. */
function shapeOf(name: string): string {
  return name.replace(/:.*$/, '').replace(/^.*#/, '');
}

function readXmlError({ status, body }: Answer): AwsError {
  type Parsed = { ErrorResponse?: { Error?: XmlValue }; Error?: XmlValue };
  const parsed = body.includes('<Error>') ? (readXml(body) as Parsed) : {};
  // S3 has no element around it
  const error = (parsed.ErrorResponse?.Error ?? parsed.Error ?? {}) as Record<string, XmlValue>;
  return new AwsError(textOf(error.Code) ?? `Http${status}`, textOf(error.Message) ?? body.slice(0, 200), { status });
}
