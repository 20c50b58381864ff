/** Whether what is on screen is true now; and, when it was not for a while, what became of it. */
import { useEffect, useState, useSyncExternalStore } from "react";
import { clockTime, plural } from "../ui/words";
import { connection } from "./client";
import { WORTH_TELLING_MS, type Notice, type Status } from "./connection";

const WORDS: Record<Status["phase"], { text: string; tone: string; title: string }> = {
  connecting: { text: "Connecting", tone: "plain", title: "Opening the live connection" },
  live: { text: "Live", tone: "good", title: "Everything here follows what happens" },
  reconnecting: { text: "Reconnecting", tone: "warn", title: "The connection was lost; trying again" },
  offline: { text: "Offline", tone: "bad", title: "DataWave cannot be reached; trying again" },
  "signed-out": { text: "Signed out", tone: "plain", title: "Sign in to go on" },
};

export function useStatus(): Status {
  return useSyncExternalStore(connection.status.watch, connection.status.get);
}

export function LivePill() {
  const { text, tone, title } = WORDS[useStatus().phase];
  return (
    <span className="pill" data-tone={tone} title={title} role="status">
      {text}
    </span>
  );
}

export function LostBanner() {
  const status = useStatus();
  const notice = useSyncExternalStore(connection.notice.watch, connection.notice.get);
  const lostAt = useAfter(isLost(status) ? status.lostAt : null, WORTH_TELLING_MS);
  if (lostAt !== null) {
    return (
      <p className="banner" data-tone="warn" role="status">
        Connection lost {clockTime(lostAt)}. Showing what was true then; edits wait.
      </p>
    );
  }
  if (notice === null) return null;
  return (
    <p className="banner" data-tone="good" data-passing="true" role="status">
      {noticeText(notice)}
    </p>
  );
}

/** Whoever is signed out is asked to sign in; that says enough. */
function isLost(status: Status): status is Extract<Status, { lostAt: number }> {
  return "lostAt" in status && status.phase !== "signed-out";
}

function noticeText(notice: Notice): string {
  if (notice.kind === "reloaded") return "Reloaded: the event log no longer reaches back to what was shown.";
  return notice.events === 0
    ? "Caught up: nothing was missed"
    : `Caught up: ${plural(notice.events, "event")}`;
}

/** The value, once it has stood for so long; null as soon as it is taken back. */
function useAfter(value: number | null, milliseconds: number): number | null {
  const [stood, setStood] = useState<number | null>(null);
  useEffect(() => {
    if (value === null) return;
    const timer = setTimeout(() => setStood(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return stood === value ? stood : null;
}

/** The time, moving only while the connection lives: a clock that runs on after it died is a lie. */
export function useNow(everyMs: number): number {
  const status = useStatus();
  const [now, setNow] = useState(() => Date.now());
  const running = !("lostAt" in status);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [running, everyMs]);
  return now;
}
