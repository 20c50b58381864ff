/** For those who listen: at most one sentence in five seconds. */
import { useEffect, useRef, useState } from "react";
import type { RunRowFragment } from "../../gen/documents";
import { progressWords } from "./ProgressLine";
import { runTitle } from "./runs";

const EVERY_MS = 5_000;

export function Announcement({ runs }: { runs: readonly RunRowFragment[] }) {
  const [said, setSaid] = useState("");
  const latest = useRef("");
  const [first] = runs;
  useEffect(() => {
    latest.current = first === undefined ? "" : `${runTitle(first)}: ${progressWords(first.progress)}`;
  }, [first]);
  useEffect(() => {
    const timer = setInterval(() => setSaid(latest.current), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p className="visually-hidden" aria-live="polite">
      {said}
    </p>
  );
}
