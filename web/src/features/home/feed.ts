/** The newest events first, bounded; and what is new while the reader reads on further down. */
import type { EventRecordedSubscription, EventRowFragment, EventsQuery } from "../../gen/documents";

export const ROWS_KEPT = 200;

/** The log's order is the order of arrival: new events go to the end, old ones fall off the front. */
export function addEvent(
  data: EventsQuery,
  { eventRecorded: event }: EventRecordedSubscription,
): EventsQuery {
  const { nodes } = data.events;
  // An event whose effect the query already showed may come again.
  if (nodes.some(({ id }) => id === event.id)) return data;
  return { ...data, events: { ...data.events, nodes: [...nodes, event].slice(-ROWS_KEPT) } };
}

export interface Feed {
  shown: readonly EventRowFragment[];
  /** How many are newer than what is shown. */
  waiting: number;
}

/** `held` is what was on screen when the reader left the top; null for who is at the top. */
export function feedOf(events: readonly EventRowFragment[], held: readonly EventRowFragment[] | null): Feed {
  const newest = held?.[0];
  if (held === null || newest === undefined) return { shown: events.toReversed(), waiting: 0 };
  const place = events.findIndex(({ id }) => id === newest.id);
  return { shown: held, waiting: place < 0 ? events.length : events.length - 1 - place };
}
