/** What a page shows depends on who is there: the sign-in over it, or a word that the server does not answer. */
import { useEffect, useSyncExternalStore, type ReactNode } from "react";
import { backOff, realClock } from "../../live/time";
import { Problem } from "../../ui/Problem";
import { mailed } from "./link";
import { askWhoIsThere, session, type Session } from "./session";
import { SignIn } from "./SignIn";
import "./identity.css";

export function useSession(): Session {
  return useSyncExternalStore(session.watch, session.get);
}

/** Asks until there is an answer, later and later. */
function useAsking(): void {
  useEffect(() => {
    let failures = 0;
    let cancel: () => void = () => undefined;
    const ask = async (): Promise<void> => {
      await askWhoIsThere();
      if (session.get().phase === "asking")
        cancel = realClock.after(backOff(failures++, realClock), () => void ask());
    };
    void ask();
    return () => cancel();
  }, []);
}

/** `children` are drawn for whoever is signed in, and stay under the sign-in when the session ends. */
export function Gate({ children, meanwhile }: { children: ReactNode; meanwhile: ReactNode }) {
  useAsking();
  const now = useSession();
  const link = useSyncExternalStore(mailed.watch, mailed.get);
  if (now.phase === "asking") {
    return (
      <>
        {now.problem === null ? null : (
          <Problem of="DataWave" problem={now.problem} again={() => void askWhoIsThere()} />
        )}
        {meanwhile}
      </>
    );
  }
  return (
    <>
      {now.phase === "nobody" ? meanwhile : children}
      {now.phase === "somebody" && link === null ? null : <SignIn again={now.phase === "ended"} />}
    </>
  );
}
