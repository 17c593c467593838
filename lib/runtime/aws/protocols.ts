import type { UnsignedRequest } from './aws-client.ts';
import { AwsError } from './aws-error.ts';
import { readXml, textOf, type XmlValue } from './xml.ts';

/** How a service is spoken to. */
export interface Protocol {
  write(operation: string, input: object): UnsignedRequest;
  read(body: string): object;
}

/** AWS JSON 1.0: DynamoDB, DynamoDB Streams, SQS. */
export function awsJson(targetPrefix: string): Protocol {
  return {
    write: (operation, input) => ({
      method: 'POST',
      path: '/',
      headers: { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': `${targetPrefix}.${operation}` },
      body: JSON.stringify(input),
      readError: readJsonError,
    }),
    read: (body) => (body === '' ? {} : (JSON.parse(body) as object)),
  };
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

/** AWS Query: parameters in a form, answers in XML. SNS. */
export function awsQuery(version: string): Protocol {
  return {
    write(operation, input) {
      const form = new URLSearchParams({ Action: operation, Version: version });
      for (const [name, value] of Object.entries(input)) flatten(form, name, value);
      return {
        method: 'POST',
        path: '/',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: form.toString(),
        readError: readXmlError,
      };
    },
    read(body) {
      // <PublishResponse><PublishResult>...</PublishResult><ResponseMetadata/></PublishResponse>
      const [response] = Object.values(readXml(body) as Record<string, XmlValue>);
      const result = Object.entries((response ?? {}) as Record<string, XmlValue>).find(([n]) => n.endsWith('Result'));
      return (result?.[1] || {}) as object;
    },
  };
}

/** Lists become `name.member.1`, maps `name.entry.1.Name` and `.Value`, structures `name.part`. */
function flatten(form: URLSearchParams, name: string, value: unknown): void {
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

function readJsonError(status: number, body: string): AwsError {
  let details: Record<string, unknown> = {};
  try {
    details = JSON.parse(body) as Record<string, unknown>;
  } catch {
    // a proxy's page, or nothing: the status says what there is to know
  }
  const { __type, code, message, Message, ...rest } = details;
  const name = String(__type ?? code ?? `Http${status}`).replace(/^.*#/, '');
  return new AwsError(name, String(message ?? Message ?? body.slice(0, 200)), { status, details: rest });
}

function readXmlError(status: number, body: string): AwsError {
  const parsed = body.includes('<Error>') ? (readXml(body) as { ErrorResponse?: { Error?: XmlValue } }) : {};
  const error = (parsed.ErrorResponse?.Error ?? {}) as Record<string, XmlValue>;
  return new AwsError(textOf(error.Code) ?? `Http${status}`, textOf(error.Message) ?? body.slice(0, 200), { status });
}
