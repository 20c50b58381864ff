/** The live page: sources, what runs now, the newest events. No refresh anywhere; it follows. */
import { useEffect } from "react";
import { LivePill, LostBanner, useStatus } from "../../live/LivePill";
import { live } from "../../live/client";
import type { Status } from "../../live/connection";
import { RunsPanel } from "../discovery";
import { Gate, session, sessionEnded, useSession } from "../identity";
import { SourcesPanel } from "../sources";
import { EventFeed } from "./EventFeed";
import { TopBar } from "./TopBar";
import "./home.css";

/** The connection learns first that the session ended; the session, that somebody is back. */
function useSessionOfConnection({ phase }: Status): void {
  useEffect(() => {
    if (phase === "signed-out") sessionEnded();
  }, [phase]);
  useEffect(
    () =>
      session.watch(() => {
        if (session.get().phase === "somebody") live.resume();
      }),
    [],
  );
}

export function HomePage() {
  const status = useStatus();
  useSessionOfConnection(status);
  const now = useSession();
  const person = "person" in now ? now.person : null;
  return (
    <>
      <TopBar person={person} pill={person === null ? null : <LivePill />} />
      <main data-stale={"lostAt" in status}>
        <h1 className="visually-hidden">What happens in DataWave now</h1>
        <LostBanner />
        <Gate meanwhile={<Meanwhile />}>
          <div className="home">
            <RunsPanel />
            <SourcesPanel />
            <EventFeed />
          </div>
        </Gate>
      </main>
    </>
  );
}

/** The page's shape before it is known who looks. */
function Meanwhile() {
  return (
    <div className="home" aria-hidden="true">
      <div className="card shape" />
      <div className="card shape" />
      <div className="card feed shape" />
    </div>
  );
}
