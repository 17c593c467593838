import { randomUUID } from 'node:crypto';
import type { Alarms } from '../alarms/alarm-evaluator.ts';
import { isRecord } from '../intrinsics.ts';
import { type ApiRequest, startLoopbackServer } from '../loopback-server.ts';
import { ALARM_OPERATIONS } from './alarm-operations.ts';
import { CloudWatchApiError, validationError } from './cloudwatch-api-error.ts';
import { METRIC_OPERATIONS, type MetricsPlace } from './metric-operations.ts';
import type { Input } from './request.ts';

/** The API of CloudWatch, as far as it is here: alarms, their history and states, and metrics. */
export interface CloudWatchApi {
  /** `http://127.0.0.1:<port>`: what `AWS_ENDPOINT_URL_CLOUDWATCH` is set to. */
  readonly url: string;
  /** From now on these are the alarms; before there are none. */
  serve(alarms: Alarms): void;
  stop(): Promise<void>;
}

const TYPE = 'application/x-amz-json-1.0';
const TARGET = /^GraniteServiceVersion20100801\.(\w+)$/;

export interface CloudWatchApiProps extends MetricsPlace {
  /** A port of the loopback interface. @default one that is free */
  port?: number | undefined;
}

/**
 * Starts it. It speaks AWS JSON 1.0. Signatures are not looked at.
 * @throws PortBusyError when `port` is taken
 */
export async function startCloudWatchApi({ port, ...place }: CloudWatchApiProps): Promise<CloudWatchApi> {
  let alarms: Alarms = NO_ALARMS;
  const given = port === undefined ? undefined : { port, service: 'the API of CloudWatch', flag: '--cloudwatch-port' };
  const { url, stop } = await startLoopbackServer((request, problem) => {
    const headers = { 'content-type': TYPE, 'x-amzn-requestid': randomUUID() };
    try {
      if (problem !== undefined) throw validationError(problem);
      return { statusCode: 200, headers, body: JSON.stringify(perform(request, alarms, place)) };
    } catch (error) {
      const { type, code, statusCode, message } =
        error instanceof CloudWatchApiError
          ? error
          : new CloudWatchApiError('InternalServiceFault', String(error), {
              code: 'InternalServiceError',
              statusCode: 500,
            });
      const fault = statusCode < 500 ? 'Sender' : 'Receiver';
      const body = { __type: `com.amazonaws.cloudwatch#${type}`, message };
      return {
        statusCode,
        headers: { ...headers, 'x-amzn-query-error': `${code};${fault}` },
        body: JSON.stringify(body),
      };
    }
  }, given);
  return {
    url,
    serve(these) {
      alarms = these;
    },
    stop,
  };
}

function perform({ headers, body }: ApiRequest, alarms: Alarms, place: MetricsPlace): object {
  const target = String(headers['x-amz-target'] ?? '');
  const name = TARGET.exec(target)?.[1];
  if (name === undefined) {
    const got = target || headers['content-type'] || 'nothing';
    throw unknown(`This API of CloudWatch speaks AWS JSON 1.0 only, and got ${got}.`);
  }
  const [onAlarms, onMetrics] = [ALARM_OPERATIONS[name], METRIC_OPERATIONS[name]];
  if (onAlarms) return onAlarms(parse(body), alarms);
  if (onMetrics) return onMetrics(parse(body), place);
  const known = [...Object.keys(ALARM_OPERATIONS), ...Object.keys(METRIC_OPERATIONS)].join(', ');
  throw unknown(`${name} is not emulated; ${known} are.`);
}

function unknown(message: string): CloudWatchApiError {
  return new CloudWatchApiError('UnknownOperationException', message, { statusCode: 404 });
}

function parse(text: string): Input {
  try {
    const parsed: unknown = JSON.parse(text === '' ? '{}' : text);
    if (isRecord(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw new CloudWatchApiError('SerializationException', 'The body of the request is not a JSON object.');
}

const NO_ALARMS: Alarms = {
  states: () => new Map(),
  history: () => [],
  records: () => [],
  items: () => [],
  setState: () => false,
  evaluateNow: async () => {},
  stop: async () => {},
};
