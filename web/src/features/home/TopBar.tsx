/** The bar over every page: where one is, whether it is live, who one is. */
import { LogOut } from "lucide-react";
import { useState, type ReactNode } from "react";
import { Logo } from "../../ui/Logo";
import { ThemeButton } from "../../ui/ThemeButton";
import { signOut, type Person } from "../identity";

export function TopBar({ person, pill }: { person: Person | null; pill: ReactNode }) {
  return (
    <header className="top-bar">
      <a className="brand" href="/">
        <Logo /> DataWave
      </a>
      <nav aria-label="Pages">
        <a className="button" data-kind="quiet" href="/graphiql">
          GraphiQL
        </a>
      </nav>
      <span className="push">{pill}</span>
      <ThemeButton />
      {person === null ? null : <Who person={person} />}
    </header>
  );
}

function Who({ person }: { person: Person }) {
  const [refused, setRefused] = useState<string | null>(null);
  const leave = async (): Promise<void> => {
    const error = await signOut();
    setRefused(error?.message ?? null);
  };
  return (
    <>
      <span className="who" title={refused ?? "Signed in"}>
        {refused ?? person.displayName}
      </span>
      <button
        type="button"
        className="button"
        data-kind="quiet"
        aria-label="Sign out"
        title="Sign out"
        onClick={() => void leave()}
      >
        <LogOut size={16} aria-hidden="true" />
      </button>
    </>
  );
}
