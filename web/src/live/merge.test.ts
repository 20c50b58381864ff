import { expect, test } from "vitest";
import { merge, nodesIn } from "./merge";

const shop = {
  id: "source_1",
  updatedAt: "2026-01-01T00:00:01Z",
  name: "shop",
  health: { state: "HEALTHY", since: null },
};

test("a newer node replaces the one on screen and leaves everything else as it was", () => {
  const before = { cursor: "c", nodes: [shop, { id: "source_2", name: "erp" }] };
  const after = merge(
    before,
    nodesIn({ dataSource: { id: "source_1", updatedAt: "2026-01-01T00:00:02Z", name: "shop-eu" } }),
  );
  expect(after.nodes[0]).toEqual({ ...shop, updatedAt: "2026-01-01T00:00:02Z", name: "shop-eu" });
  expect(after.nodes[1]).toBe(before.nodes[1]);
  expect(before.nodes[0]?.name).toBe("shop");
});

test("an older node, late from another stream, changes nothing", () => {
  const before = { nodes: [shop] };
  expect(merge(before, nodesIn({ ...shop, updatedAt: "2026-01-01T00:00:00Z", name: "old" }))).toBe(before);
});

test("nothing new gives the very same value", () => {
  const before = { nodes: [shop] };
  expect(merge(before, nodesIn({ event: { ...shop } }))).toBe(before);
  expect(merge(before, new Map())).toBe(before);
});

test("a node deep within another is found, and fields that the answer did not ask for stay out", () => {
  const before = { run: { id: "run_1", source: { id: "source_1", name: "shop" } } };
  const after = merge(before, nodesIn({ event: { dataSource: { id: "source_1", name: "crm", extra: 1 } } }));
  expect(after).toEqual({ run: { id: "run_1", source: { id: "source_1", name: "crm" } } });
});

test("of an embedded value only the fields that came are replaced", () => {
  const after = merge({ shop }, nodesIn({ id: "source_1", health: { state: "DOWN" } }));
  expect(after.shop.health).toEqual({ state: "DOWN", since: null });
});

test("another thing in the same place replaces it whole", () => {
  const before = { id: "source_1", latest: { id: "run_1", state: "SUCCEEDED" } };
  const after = merge(before, nodesIn({ id: "source_1", latest: { id: "run_2", state: "RUNNING" } }));
  expect(after.latest).toEqual({ id: "run_2", state: "RUNNING" });
});

test("a list takes its new length and order, keeping known items", () => {
  const stage = { id: "stage_1", state: "RUNNING" };
  const before = { id: "run_1", stages: [stage] };
  const after = merge(
    before,
    nodesIn({
      id: "run_1",
      stages: [
        { id: "stage_2", state: "QUEUED" },
        { id: "stage_1", state: "RUNNING" },
      ],
    }),
  );
  expect(after.stages.map(({ id }) => id)).toEqual(["stage_2", "stage_1"]);
  expect(after.stages[1]).toBe(stage);
});
