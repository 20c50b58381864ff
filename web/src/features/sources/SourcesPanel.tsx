/** The sources, each on one row: what it is, how it is, what is in it, when it was last read. */
import { SourceChangedDocument, SourcesDocument } from "../../gen/documents";
import type { SourceChangedSubscription, SourceRowFragment, SourcesQuery } from "../../gen/documents";
import { useNow } from "../../live/LivePill";
import { useLive } from "../../live/useLive";
import { Chip, Mark } from "../../ui/Chip";
import { changesOf, howFar } from "../discovery";
import { Problem } from "../../ui/Problem";
import { failureWords, HEALTH_STATES, RUN_STATES, SOURCE_STATES, wordFor } from "../../ui/states";
import { ago, count, exactTime, rate } from "../../ui/words";
import { NoSources } from "./NoSources";
import "./sources.css";

/** Known sources are merged by id; a new one enters at the top. */
export function addSource(
  data: SourcesQuery,
  { dataSourceChanged: { dataSource } }: SourceChangedSubscription,
): SourcesQuery {
  const { nodes } = data.dataSources;
  // Null for whoever may not see it any more.
  if (dataSource === null) return data;
  if (nodes.some(({ id }) => id === dataSource.id)) return data;
  return { ...data, dataSources: { ...data.dataSources, nodes: [dataSource, ...nodes] } };
}

export function SourcesPanel() {
  const { data, problem, again } = useLive(SourcesDocument, SourceChangedDocument, addSource);
  const now = useNow(10_000);
  const sources = data?.dataSources.nodes;
  return (
    <section className="card" aria-labelledby="sources-title" aria-busy={data === null && problem === null}>
      <header>
        <h2 id="sources-title">Sources</h2>
        {sources === undefined || sources.length === 0 ? null : (
          <span className="count">{summary(sources, data?.dataSources.pageInfo.hasNextPage ?? false)}</span>
        )}
      </header>
      {problem === null ? null : <Problem of="Sources" problem={problem} again={again} />}
      {sources === undefined ? (
        problem === null ? (
          <SourcesSkeleton />
        ) : null
      ) : (
        <Sources sources={sources} now={now} />
      )}
    </section>
  );
}

function summary(sources: readonly SourceRowFragment[], more: boolean): string {
  const living = sources.filter(({ state }) => state !== "DECOMMISSIONED");
  const ill = living.filter(({ state }) => state === "DEGRADED" || state === "UNREACHABLE").length;
  const total = `${count(living.length)}${more ? "+" : ""}`;
  return ill === 0 ? total : `${total} · ${count(ill)} not well`;
}

export function Sources({ sources, now }: { sources: readonly SourceRowFragment[]; now: number }) {
  if (sources.length === 0) return <NoSources />;
  return (
    <table className="sources">
      <thead>
        <tr>
          <th scope="col">Source</th>
          <th scope="col">State</th>
          <th scope="col">Health</th>
          <th scope="col">Holds</th>
          <th scope="col">Last discovery</th>
        </tr>
      </thead>
      <tbody>
        {sources.map((source) => (
          <SourceRow key={source.id} source={source} now={now} />
        ))}
      </tbody>
    </table>
  );
}

function SourceRow({ source, now }: { source: SourceRowFragment; now: number }) {
  const state = wordFor(SOURCE_STATES, source.state);
  return (
    <tr data-ended={source.state === "DECOMMISSIONED"}>
      <th scope="row">
        <span className="name">{source.name}</span>
        <span className="kind">
          <code>{source.key}</code> {source.connector.displayName}
        </span>
      </th>
      <td>
        <Chip tone={state.tone}>{state.text}</Chip>
      </td>
      <td>
        <Health health={source.health} />
      </td>
      <td>
        <Counts counts={source.assetCounts} />
      </td>
      <td>
        <LatestDiscovery discovery={source.latestDiscovery} now={now} />
      </td>
    </tr>
  );
}

function Health({ health }: { health: SourceRowFragment["health"] }) {
  const { text, tone } = wordFor(HEALTH_STATES, health.state);
  const title = health.checkedAt === null ? undefined : `As of ${exactTime(health.checkedAt)}`;
  return (
    <>
      <span className="health" data-tone={tone} title={title}>
        <Mark tone={tone} /> {text}
        {health.latencyMs === null ? null : <span className="quiet">{rate(health.latencyMs)} ms</span>}
      </span>
      {health.failure === null ? null : <span className="failure">{failureWords(health.failure)}</span>}
    </>
  );
}

function Counts({ counts }: { counts: SourceRowFragment["assetCounts"] }) {
  const some = counts.filter((one) => Number(one.count) > 0);
  if (some.length === 0) return <span className="quiet">nothing yet</span>;
  return (
    <span className="counts">
      {some.map((one) => (
        <span key={one.key}>
          <strong>{count(one.count)}</strong> {one.label.toLowerCase()}
        </span>
      ))}
    </span>
  );
}

function LatestDiscovery({
  discovery,
  now,
}: {
  discovery: SourceRowFragment["latestDiscovery"];
  now: number;
}) {
  if (discovery === null) return <span className="quiet">never</span>;
  const { text, tone } = wordFor(RUN_STATES, discovery.state);
  const at = discovery.finishedAt ?? discovery.startedAt;
  return (
    <>
      <span className="health" data-tone={tone}>
        <Mark tone={tone} /> {text}
        {at === null ? null : (
          <time className="quiet" dateTime={at} title={exactTime(at)}>
            {ago(at, now)}
          </time>
        )}
      </span>
      <span className="quiet">{outcome(discovery)}</span>
    </>
  );
}

function outcome({
  failure,
  finishedAt,
  progress,
  summary,
}: NonNullable<SourceRowFragment["latestDiscovery"]>): string {
  if (failure !== null) return failureWords(failure);
  return finishedAt === null ? howFar(progress) : changesOf(summary);
}

function SourcesSkeleton() {
  return (
    <div className="sources-skeleton" aria-hidden="true">
      {[0, 1, 2].map((row) => (
        <div key={row}>
          {[140, 90, 80, 150, 110].map((width) => (
            <span key={width} className="skeleton" style={{ width }} />
          ))}
        </div>
      ))}
    </div>
  );
}
