import type { Construct } from 'constructs';
import type { AnyContract } from '../../contracts/index.ts';
import { UnsafePropsError } from '../errors.ts';
import type { IEventTopic } from '../event-topic.ts';
import type { QueueFunctionProps } from './queue-function.ts';

type Publishing = Pick<QueueFunctionProps, 'produces' | 'publishes' | 'outbox'>;

/** What a handler publishes to one topic. */
export interface Publication {
  readonly topic: IEventTopic;
  readonly events: readonly AnyContract[];
}

/** Where a handler publishes what it produces. An event that both of its topics carry may go to either, and is told of both. */
export function publicationsOf(props: Publishing): readonly Publication[] {
  return topicsOf(props)
    .map((topic) => ({ topic, events: (props.produces ?? []).filter((event) => topic.carries(event)) }))
    .filter(({ events }) => events.length > 0);
}

/**
 * What a handler publishes, as far as it was said.
 *
 * @throws UnsafePropsError when it could not publish that: a command, a partial contract, an event that none of its topics
 *   carries, or when it has none
 */
export function producedBy(scope: Construct, props: Publishing): readonly AnyContract[] {
  const { produces = [] } = props;
  const topics = topicsOf(props);
  for (const event of produces) {
    const { kind, type, version, partial } = event;
    if (kind !== 'event') {
      throw new UnsafePropsError(
        scope,
        `It says that it produces '${type}', a command, and a topic carries events only.`,
        'Take it off `produces`; commands are sent to a CommandQueue.',
      );
    }
    if (partial) {
      throw new UnsafePropsError(
        scope,
        `It says that it produces '${type}' version ${version}, given as what a consumer needs of it.`,
        "List the event's own contract in `produces`.",
      );
    }
    if (topics.length === 0) {
      throw new UnsafePropsError(
        scope,
        `It says that it produces '${type}' version ${version}, and has nowhere to publish it.`,
        'Set `publishes` or `outbox`, or take it off `produces`.',
      );
    }
    if (!topics.some((topic) => topic.carries(event))) {
      throw new UnsafePropsError(
        scope,
        `It says that it produces '${type}' version ${version}, which ${topics.map(({ node }) => node.path).join(' and ')} does not carry.`,
        "Add the event to the topic's `events`, or take it off `produces`.",
      );
    }
  }
  return produces;
}

function topicsOf({ publishes, outbox }: Publishing): IEventTopic[] {
  return [...new Set([publishes, outbox?.topic])].filter((topic) => topic !== undefined);
}
