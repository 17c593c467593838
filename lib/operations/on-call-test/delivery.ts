import { type AlarmHistoryItem, type CloudWatchClient, DescribeAlarmHistoryCommand } from '@aws-sdk/client-cloudwatch';

/** What CloudWatch has done about an alarm's actions. */
export type Delivery = { status: 'sent' } | { status: 'failed'; why: string };

/** The latest actions of an alarm; what an alarm did earlier is told apart by them. */
export async function actionsOf(cloudwatch: CloudWatchClient, AlarmName: string): Promise<AlarmHistoryItem[]> {
  const { AlarmHistoryItems = [] } = await cloudwatch.send(
    new DescribeAlarmHistoryCommand({
      AlarmName,
      HistoryItemType: 'Action',
      ScanBy: 'TimestampDescending',
      MaxRecords: 50,
    }),
  );
  return AlarmHistoryItems;
}

/**
 * What became of the message with the code, if anything yet: a failure counts for more than a success, because each topic
 * has an action of its own.
 *
 * @param before what there was before the alarm was raised
 */
export function deliveryOf(
  items: readonly AlarmHistoryItem[],
  before: readonly AlarmHistoryItem[],
  code: string,
): Delivery | undefined {
  const known = new Set(before.map(identity));
  const ours = items.filter((item) => !known.has(identity(item)) && isAbout(item, code));
  const failure = ours.find(hasFailed);
  if (failure) return { status: 'failed', why: reasonOf(failure) };
  return ours.length > 0 ? { status: 'sent' } : undefined;
}

/** CloudWatch keeps the message with the action. Where it does not, whatever is new is taken for ours. */
function isAbout({ HistoryData = '' }: AlarmHistoryItem, code: string): boolean {
  return !HistoryData.includes('NewStateReason') || HistoryData.includes(code);
}

function hasFailed({ HistorySummary = '', HistoryData }: AlarmHistoryItem): boolean {
  return /fail/i.test(HistorySummary) || /^fail/i.test(String(dataOf(HistoryData).actionState ?? ''));
}

/** The key of the topic is what it fails by most often. */
function reasonOf({ HistorySummary = '', HistoryData }: AlarmHistoryItem): string {
  const said = String(dataOf(HistoryData).error ?? '').trim() || HistorySummary;
  return /kms|encrypt/i.test(said) ? `${said} (the key of the topic has to admit cloudwatch.amazonaws.com)` : said;
}

function identity({ Timestamp, HistorySummary, HistoryData }: AlarmHistoryItem): string {
  return `${Timestamp?.getTime()}|${HistorySummary}|${HistoryData}`;
}

function dataOf(text = '{}'): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
