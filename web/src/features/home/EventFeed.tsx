/** The newest events. They enter at the top for who is at the top; for who reads further down, they wait behind a bar. */
import { memo, useRef, useState } from "react";
import { EventRecordedDocument, EventsDocument, type EventRowFragment } from "../../gen/documents";
import { useLive } from "../../live/useLive";
import { Problem } from "../../ui/Problem";
import { clockTime, count, exactTime } from "../../ui/words";
import { addEvent, feedOf, ROWS_KEPT } from "./feed";
import { facts, what, whom } from "./sentence";

/** So far from the top a reader is still taken to be at it. */
const AT_TOP_PX = 8;

export function EventFeed() {
  const { data, problem, again } = useLive(EventsDocument, EventRecordedDocument, addEvent);
  const events = data?.events.nodes;
  return (
    <section
      className="card feed"
      aria-labelledby="events-title"
      aria-busy={data === null && problem === null}
    >
      <header>
        <h2 id="events-title">Newest events</h2>
      </header>
      {problem === null ? null : <Problem of="Events" problem={problem} again={again} />}
      {events === undefined ? problem === null ? <FeedSkeleton /> : null : <FeedRows events={events} />}
    </section>
  );
}

export function FeedRows({ events }: { events: readonly EventRowFragment[] }) {
  const list = useRef<HTMLOListElement>(null);
  const [held, setHeld] = useState<readonly EventRowFragment[] | null>(null);
  const { shown, waiting } = feedOf(events, held);
  const toTop = (): void => {
    setHeld(null);
    list.current?.scrollTo({ top: 0 });
    list.current?.focus();
  };
  const hold = (top: number): void => {
    if (top <= AT_TOP_PX) setHeld(null);
    else setHeld((now) => now ?? shown);
  };
  if (events.length === 0) return <EmptyFeed />;
  return (
    <div className="feed-body">
      {waiting === 0 ? null : (
        <button type="button" className="new-events" onClick={toTop}>
          {waiting >= ROWS_KEPT ? `${count(ROWS_KEPT)}+` : count(waiting)} new
        </button>
      )}
      {/* It scrolls, so it must be reachable by the keyboard. */}
      <ol
        ref={list}
        tabIndex={0}
        aria-label="Newest events"
        onScroll={(event) => hold(event.currentTarget.scrollTop)}
      >
        {shown.map((event) => (
          <EventLine key={event.id} event={event} />
        ))}
      </ol>
    </div>
  );
}

const EventLine = memo(function EventLine({ event }: { event: EventRowFragment }) {
  const about = whom(event);
  const told = facts(event);
  return (
    <li>
      <time dateTime={event.at} title={exactTime(event.at)}>
        {clockTime(event.at, true)}
      </time>
      <p>
        <strong>{what(event)}</strong>
        {about === null ? null : <> {about}</>}
        {told.length === 0 ? null : <Facts told={told} />}
      </p>
      <span className="who">{event.actor?.displayName}</span>
    </li>
  );
});

function Facts({ told }: { told: readonly string[] }) {
  return (
    <span className="facts">
      {told.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
    </span>
  );
}

function EmptyFeed() {
  return (
    <div className="empty">
      <p>Nothing has happened yet. Whatever does appears here in the same moment.</p>
    </div>
  );
}

function FeedSkeleton() {
  return (
    <div className="feed-skeleton" aria-hidden="true">
      {[220, 180, 250, 200, 230, 170].map((width) => (
        <span key={width} className="skeleton" style={{ width }} />
      ))}
    </div>
  );
}
