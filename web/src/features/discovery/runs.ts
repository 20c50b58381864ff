/** Which runs are shown, and how they are said. */
import type { RunRowFragment, RunsAdvancedSubscription, RunsQuery, RunState } from "../../gen/documents";
import { RUN_STATES, wordFor } from "../../ui/states";
import { count, plural, sentenceCase } from "../../ui/words";

const ENDED: ReadonlySet<RunState> = new Set(["SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED", "ROLLED_BACK"]);
const ENDED_SHOWN = 5;

interface Changes {
  added: number;
  changed: number;
  removed: number;
}

export function hasEnded({ state }: { state: RunState }): boolean {
  return ENDED.has(state);
}

/** A run that began enters at the top; of those that ended, the latest few keep their places. */
export function advanceRuns(data: RunsQuery, { runsAdvanced: { run } }: RunsAdvancedSubscription): RunsQuery {
  // Null for whoever may not see it any more.
  if (run === null) return data;
  const known = data.runs.nodes.some(({ id }) => id === run.id);
  if (!known && hasEnded(run)) return data;
  const all = known ? data.runs.nodes : [run, ...data.runs.nodes];
  const nodes = dropOldEnded(all);
  return nodes === data.runs.nodes ? data : { ...data, runs: { ...data.runs, nodes } };
}

function dropOldEnded(runs: RunRowFragment[]): RunRowFragment[] {
  const ended = runs.filter(hasEnded).sort((one, other) => compare(other.finishedAt, one.finishedAt));
  if (ended.length <= ENDED_SHOWN) return runs;
  const old = new Set(ended.slice(ENDED_SHOWN).map(({ id }) => id));
  return runs.filter(({ id }) => !old.has(id));
}

function compare(one: string | null, other: string | null): number {
  return (one ?? "").localeCompare(other ?? "");
}

export function runTitle(run: RunRowFragment): string {
  const kind = sentenceCase(run.__typename);
  return "dataSource" in run && run.dataSource !== null ? `${kind} of ${run.dataSource.name}` : kind;
}

export function summaryOf(run: RunRowFragment): string {
  if (run.__typename !== "Discovery") return wordFor(RUN_STATES, run.state).text;
  const { assets, columns, classified } = run.summary;
  const found = [plural(assets, "asset"), plural(columns, "column"), changesOf(run.summary)];
  return [...found, ...some(classified, "classified")].join(" · ");
}

/** `3 new, 1 gone`; what did not happen is not counted. */
export function changesOf({ added, changed, removed }: Changes): string {
  const told = [...some(added, "new"), ...some(changed, "changed"), ...some(removed, "gone")];
  return told.length === 0 ? "no change" : told.join(", ");
}

function some(number: number, what: string): string[] {
  return number > 0 ? [`${count(number)} ${what}`] : [];
}
