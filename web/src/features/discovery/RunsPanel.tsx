/** What runs now: its stages, how far it is, how fast it goes. What ended here stays to be read. */
import { RunsAdvancedDocument, RunsDocument } from "../../gen/documents";
import type { RunRowFragment } from "../../gen/documents";
import { useNow } from "../../live/LivePill";
import { useLive } from "../../live/useLive";
import { Chip, Mark } from "../../ui/Chip";
import { Problem } from "../../ui/Problem";
import { failureWords, RUN_STATES, wordFor } from "../../ui/states";
import { count, duration, exactTime, sentenceCase } from "../../ui/words";
import { Announcement } from "./Announcement";
import { ProgressLine } from "./ProgressLine";
import { advanceRuns, hasEnded, runTitle, summaryOf } from "./runs";
import "./discovery.css";

export function RunsPanel() {
  const { data, problem, again } = useLive(RunsDocument, RunsAdvancedDocument, advanceRuns);
  const now = useNow(1_000);
  const runs = data?.runs.nodes;
  const going = runs?.filter((run) => !hasEnded(run)) ?? [];
  return (
    <section className="card" aria-labelledby="runs-title" aria-busy={data === null && problem === null}>
      <header>
        <h2 id="runs-title">Runs</h2>
        {going.length === 0 ? null : <span className="count">{count(going.length)} going</span>}
      </header>
      {problem === null ? null : <Problem of="Runs" problem={problem} again={again} />}
      {runs === undefined ? problem === null ? <RunSkeleton /> : null : <Runs runs={runs} now={now} />}
      <Announcement runs={going} />
    </section>
  );
}

export function Runs({ runs, now }: { runs: readonly RunRowFragment[]; now: number }) {
  if (runs.length === 0) {
    return (
      <div className="empty no-runs">
        <p>Nothing is running. A discovery started anywhere shows here at once, stage by stage.</p>
      </div>
    );
  }
  return (
    <ul className="runs">
      {runs.map((run) => (
        <Run key={run.id} run={run} now={now} />
      ))}
    </ul>
  );
}

function Run({ run, now }: { run: RunRowFragment; now: number }) {
  const state = wordFor(RUN_STATES, run.state);
  const ended = hasEnded(run);
  return (
    <li className="run" data-ended={ended}>
      <div className="run-head">
        <h3>{runTitle(run)}</h3>
        <Chip tone={state.tone}>{state.text}</Chip>
        {run.attempt > 1 ? <span className="quiet">attempt {count(run.attempt)}</span> : null}
        <Elapsed run={run} now={now} />
      </div>
      <ol className="stages" aria-label="Stages">
        {run.stages.map((stage) => (
          <Stage key={stage.id} stage={stage} />
        ))}
      </ol>
      {ended ? (
        <p className="quiet">{run.failure === null ? summaryOf(run) : failureWords(run.failure)}</p>
      ) : (
        <ProgressLine progress={run.progress} />
      )}
    </li>
  );
}

function Elapsed({ run, now }: { run: RunRowFragment; now: number }) {
  if (run.startedAt === null) return null;
  const began = Date.parse(run.startedAt);
  // While it goes, the clock moves by whole seconds.
  const took =
    run.finishedAt === null ? Math.floor((now - began) / 1000) * 1000 : Date.parse(run.finishedAt) - began;
  return (
    <time className="elapsed" dateTime={run.startedAt} title={`Started ${exactTime(run.startedAt)}`}>
      {duration(took)}
    </time>
  );
}

function Stage({ stage }: { stage: RunRowFragment["stages"][number] }) {
  const { text, tone } = wordFor(RUN_STATES, stage.state);
  return (
    <li
      className="stage"
      data-state={tone}
      title={stage.failure === null ? text : failureWords(stage.failure)}
    >
      <Mark tone={tone} size={12} /> {sentenceCase(stage.kind)}
      <span className="visually-hidden">: {text}</span>
    </li>
  );
}

function RunSkeleton() {
  return (
    <div className="run no-runs" aria-hidden="true">
      <span className="skeleton" style={{ width: 220 }} />
      <span className="skeleton" style={{ width: "80%" }} />
      <span className="skeleton" style={{ width: "100%", height: 6 }} />
    </div>
  );
}
