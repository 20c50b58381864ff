import { expect, test } from "vitest";
import type { EventRowFragment, EventsQuery } from "../../gen/documents";
import { addEvent, feedOf, ROWS_KEPT } from "./feed";
import { facts, what, whom } from "./sentence";

function event(number: number): EventRowFragment {
  return {
    id: `event_${number}`,
    cursor: `c${number}`,
    at: "2026-01-01T00:00:00.000000Z",
    type: "SourceCreated",
    replayed: false,
    actor: null,
    subject: null,
    data: {},
  };
}

function events(count: number): EventsQuery {
  return { cursor: "c", events: { nodes: Array.from({ length: count }, (_, index) => event(index)) } };
}

const recorded = (number: number): { eventRecorded: EventRowFragment } => ({ eventRecorded: event(number) });

test("a new event is kept once, and the oldest gives way to it", () => {
  const full = events(ROWS_KEPT);
  const after = addEvent(full, recorded(999));
  expect(after.events.nodes).toHaveLength(ROWS_KEPT);
  expect(after.events.nodes.at(-1)?.id).toBe("event_999");
  expect(after.events.nodes[0]?.id).toBe("event_1");
  expect(addEvent(after, recorded(999))).toBe(after);
});

test("at the top the newest event is the first", () => {
  const { shown, waiting } = feedOf(events(3).events.nodes, null);
  expect(shown.map(({ id }) => id)).toEqual(["event_2", "event_1", "event_0"]);
  expect(waiting).toBe(0);
});

test("further down nothing moves, and what is new is counted", () => {
  const held = feedOf(events(3).events.nodes, null).shown;
  expect(feedOf(events(5).events.nodes, held)).toEqual({ shown: held, waiting: 2 });
});

test("when all that was shown has fallen off, everything kept is new", () => {
  const held = [event(-1)];
  expect(feedOf(events(4).events.nodes, held).waiting).toBe(4);
});

const told = (data: unknown): string[] => facts({ subject: null, data });

test("an event reads as a sentence about a thing", () => {
  expect(what({ type: "SchemaDriftRecorded" })).toBe("Schema drift recorded");
  const shop = { __typename: "DataSource", id: "source_1", name: "Shop" } as const;
  const role = { __typename: "Role", id: "role_1" } as const;
  expect(whom({ subject: shop, data: {} })).toBe("Shop");
  expect(whom({ subject: role, data: { name: "Auditor" } })).toBe("Auditor");
  expect(whom({ subject: role, data: {} })).toBeNull();
  expect(whom({ subject: null, data: null })).toBeNull();
});

test("facts are few, plain and for people", () => {
  const data = {
    sourceId: "source_01981f0a0b0c7000a000b000c000d000",
    digest: "0123456789abcdef0123456789abcdef",
    added: 4100,
    changed: 2,
    joined: true,
    removed: 0,
    nested: { not: "told" },
    reason: "by hand",
  };
  expect(told(data)).toEqual(["added 4,100", "changed 2", "joined"]);
  expect(told(null)).toEqual([]);
});

test("what code calls by a name is said as everywhere on the page", () => {
  expect(told({ kind: "DiscoverSource", state: "SUCCEEDED", attempt: 0 })).toEqual(["Discover source", "Done"]);
  expect(told({ key: "update_catalog", after: "RUNNING", before: "QUEUED" })).toEqual([
    "Update catalog",
    "Queued → Running",
  ]);
  expect(told({ after: "QUEUED", before: null })).toEqual(["Queued"]);
  expect(told({ last: 45, first: 44 })).toEqual(["no. 44–45"]);
  expect(told({ last: 46, first: 46 })).toEqual(["no. 46"]);
  expect(told({ name: "Auditor" })).toEqual([]);
});
