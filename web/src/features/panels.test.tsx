import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import type {
  RunRowFragment,
  RunsAdvancedSubscription,
  RunsQuery,
  SourceRowFragment,
} from "../gen/documents";
import { ApiError } from "../live/errors";
import { Problem } from "../ui/Problem";
import { progressWords, shareOf } from "./discovery/ProgressLine";
import { advanceRuns } from "./discovery/runs";
import { Runs } from "./discovery/RunsPanel";
import { addSource, Sources } from "./sources/SourcesPanel";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const PROGRESS = {
  done: 31204,
  total: 48000,
  unit: "columns",
  ratePerSecond: 2613.4,
  etaSeconds: 6,
  message: null,
};
const SUMMARY = { assets: 52, columns: 431, added: 3, changed: 0, removed: 0, classified: 118 };

const SHOP: SourceRowFragment = {
  id: "source_1",
  updatedAt: "2026-01-01T11:00:00Z",
  key: "shop",
  name: "Shop",
  state: "GOVERNED",
  connector: { kind: "postgresql", displayName: "PostgreSQL" },
  health: { state: "HEALTHY", latencyMs: 1.72, checkedAt: null, failure: null },
  assetCounts: [
    { key: "TABLE", label: "Tables", count: "1204" },
    { key: "VIEW", label: "Views", count: 0 },
  ],
  latestDiscovery: {
    id: "run_1",
    updatedAt: "2026-01-01T11:00:00Z",
    state: "SUCCEEDED",
    startedAt: "2026-01-01T11:54:00Z",
    finishedAt: "2026-01-01T11:55:00Z",
    progress: PROGRESS,
    summary: SUMMARY,
    failure: null,
  },
};

function run(id: string, state: RunRowFragment["state"], finishedAt: string | null = null): RunRowFragment {
  return {
    __typename: "Discovery",
    id,
    updatedAt: "2026-01-01T11:00:00Z",
    state,
    startedAt: "2026-01-01T11:59:18Z",
    finishedAt,
    attempt: 1,
    progress: PROGRESS,
    stages: [
      {
        id: `${id}-1`,
        key: "discover",
        kind: "DISCOVER",
        state: "RUNNING",
        attempt: 1,
        progress: null,
        failure: null,
      },
    ],
    failure: null,
    summary: SUMMARY,
    dataSource: { id: "source_1", key: "shop", name: "Shop" },
  };
}

/** The text a person reads, without the marks around it. */
function textOf(element: React.ReactElement): string {
  return renderToStaticMarkup(element)
    .replaceAll(/<[^>]+>/g, " ")
    .replaceAll(/\s+/g, " ");
}

const advanced = (row: RunRowFragment): RunsAdvancedSubscription =>
  ({
    runsAdvanced: { __typename: "RunProgressed", cursor: "c", at: "", replayed: false, run: row },
  }) as RunsAdvancedSubscription;

test("a source's row says what it is, how it is, what it holds, and when it was last read", () => {
  const text = textOf(<Sources sources={[SHOP]} now={NOW} />);
  for (const part of [
    "Shop",
    "PostgreSQL",
    "Governed",
    "Healthy",
    "1.7 ms",
    "1,204 tables",
    "5 min ago",
    "3 new",
  ]) {
    expect(text).toContain(part);
  }
  expect(text).not.toContain("views");
});

test("with no sources, the next step is there", () => {
  const html = renderToStaticMarkup(<Sources sources={[]} now={NOW} />);
  expect(html).toContain("No sources yet.");
  expect(html).toContain('href="/graphiql#02-connect-postgresql"');
});

test("a source that is new enters at the top, a known one stays where it is", () => {
  const page = { cursor: "c", dataSources: { nodes: [SHOP], pageInfo: { hasNextPage: false } } };
  const changed = (source: SourceRowFragment) => ({
    dataSourceChanged: { cursor: "c1", at: "", replayed: false, dataSource: source },
  });
  expect(addSource(page, changed(SHOP))).toBe(page);
  const after = addSource(page, changed({ ...SHOP, id: "source_2" }));
  expect(after.dataSources.nodes.map(({ id }) => id)).toEqual(["source_2", "source_1"]);
});

test("a run shows its stages, how far it is, how fast it goes and how long it takes still", () => {
  const text = textOf(<Runs runs={[run("run_1", "RUNNING")]} now={NOW} />);
  expect(text).toContain("Discovery of Shop");
  expect(text).toContain("42 s");
  expect(text).toContain("Discover : Running");
  expect(text).toContain("31,204 of 48,000 columns · 2,613 columns/s · ~6 s left");
});

test("a total that is not known is not made up", () => {
  const unknown = { ...PROGRESS, total: null, ratePerSecond: null, etaSeconds: null };
  expect(shareOf(unknown)).toBeNull();
  expect(progressWords(unknown)).toBe("31,204 columns");
});

test("a run that ended says what it found, and one that failed what to do", () => {
  const done = { ...run("run_1", "SUCCEEDED", "2026-01-01T11:59:20Z"), summary: SUMMARY };
  expect(textOf(<Runs runs={[done]} now={NOW} />)).toContain("52 assets · 431 columns · 3 new · 118 classified");
  const failure = { message: "No address is known.", hint: "Check the spelling." };
  const failed = { ...run("run_2", "FAILED", "2026-01-01T11:59:20Z"), failure };
  expect(textOf(<Runs runs={[failed]} now={NOW} />)).toContain("No address is known. Check the spelling.");
});

test("a run that ends keeps its place; only the latest few of those are kept", () => {
  const ended = [1, 2, 3, 4, 5].map((minute) =>
    run(`run_${minute}`, "SUCCEEDED", `2026-01-01T10:0${minute}:00Z`),
  );
  const going = run("run_9", "RUNNING");
  const data: RunsQuery = { cursor: "c", runs: { nodes: [...ended, going] } };
  expect(advanceRuns(data, advanced(going))).toBe(data);
  const now: RunsQuery = {
    cursor: "c",
    runs: { nodes: [...ended, run("run_9", "FAILED", "2026-01-01T10:09:00Z")] },
  };
  const kept = advanceRuns(now, advanced(now.runs.nodes[5] ?? going)).runs.nodes.map(({ id }) => id);
  expect(kept).toEqual(["run_2", "run_3", "run_4", "run_5", "run_9"]);
});

test("a thing that may not be seen any more changes nothing", () => {
  const runs: RunsQuery = { cursor: "c", runs: { nodes: [run("run_1", "RUNNING")] } };
  const hidden = { cursor: "c1", at: "", replayed: false };
  const advance = { runsAdvanced: { __typename: "RunProgressed", ...hidden, run: null } } as const;
  expect(advanceRuns(runs, advance)).toBe(runs);
  const page = { cursor: "c", dataSources: { nodes: [SHOP], pageInfo: { hasNextPage: false } } };
  expect(addSource(page, { dataSourceChanged: { ...hidden, dataSource: null } })).toBe(page);
});

test("a run that had ended before anybody looked does not appear", () => {
  const data: RunsQuery = { cursor: "c", runs: { nodes: [] } };
  expect(advanceRuns(data, advanced(run("run_1", "SUCCEEDED")))).toBe(data);
});

test("an error says what, why and what to do, with the id to quote", () => {
  const problem = new ApiError("INTERNAL", "Something broke.", { reference: "e-41" });
  const text = textOf(<Problem of="Sources" problem={problem} again={() => undefined} />);
  expect(text).toContain("Sources cannot be followed right now.");
  expect(text).toContain("Something broke.");
  expect(text).toContain("e-41");
  expect(text).toContain("Try again");
});
