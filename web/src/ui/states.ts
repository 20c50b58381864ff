/** How states are said, everywhere alike. */
import type { DataSourceState, HealthState, RunState } from "../gen/documents";
import type { Tone } from "./Chip";

export interface Word {
  text: string;
  tone: Tone;
}

export const SOURCE_STATES: Record<DataSourceState, Word> = {
  CONFIGURED: { text: "Configured", tone: "plain" },
  CONNECTED: { text: "Connected", tone: "info" },
  DISCOVERING: { text: "Discovering", tone: "busy" },
  GOVERNED: { text: "Governed", tone: "good" },
  DEGRADED: { text: "Degraded", tone: "warn" },
  UNREACHABLE: { text: "Unreachable", tone: "bad" },
  DECOMMISSIONED: { text: "Decommissioned", tone: "plain" },
};

export const HEALTH_STATES: Record<HealthState, Word> = {
  UNKNOWN: { text: "Not checked yet", tone: "plain" },
  HEALTHY: { text: "Healthy", tone: "good" },
  DEGRADED: { text: "Degraded", tone: "warn" },
  DOWN: { text: "Down", tone: "bad" },
};

export const RUN_STATES: Record<RunState, Word> = {
  QUEUED: { text: "Queued", tone: "plain" },
  WAITING: { text: "Waiting", tone: "plain" },
  RUNNING: { text: "Running", tone: "busy" },
  PAUSING: { text: "Pausing", tone: "busy" },
  PAUSED: { text: "Paused", tone: "warn" },
  SUCCEEDED: { text: "Done", tone: "good" },
  PARTIAL: { text: "Partial", tone: "warn" },
  FAILED: { text: "Failed", tone: "bad" },
  CANCELLED: { text: "Cancelled", tone: "plain" },
  ROLLING_BACK: { text: "Rolling back", tone: "busy" },
  ROLLED_BACK: { text: "Rolled back", tone: "warn" },
};

/** A state of a newer server than this page is shown as it comes. */
export function wordFor<State extends string>(words: Record<State, Word>, state: State): Word {
  return (words as Partial<Record<State, Word>>)[state] ?? { text: state, tone: "plain" };
}

/** What failed, and what to do about it. */
export function failureWords({ message, hint }: { message: string; hint: string | null }): string {
  return hint === null ? message : `${message} ${hint}`;
}
