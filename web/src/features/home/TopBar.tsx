/** The bar over every page: where one is, whether it is live, who one is. */
import { LogOut, Monitor, Moon, Sun, type LucideIcon } from "lucide-react";
import { useState, useSyncExternalStore, type ReactNode } from "react";
import { Logo } from "../../ui/Logo";
import { nextTheme, theme, type Theme } from "../../ui/theme";
import { signOut, type Person } from "../identity";

const THEMES: Record<Theme, { icon: LucideIcon; title: string }> = {
  system: { icon: Monitor, title: "Colours as the system has them; press for light" },
  light: { icon: Sun, title: "Light colours; press for dark" },
  dark: { icon: Moon, title: "Dark colours; press for the system's" },
};

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

function ThemeButton() {
  const now = useSyncExternalStore(theme.watch, theme.get);
  const { icon: Icon, title } = THEMES[now];
  return (
    <button
      type="button"
      className="button"
      data-kind="quiet"
      aria-label={title}
      title={title}
      onClick={nextTheme}
    >
      <Icon size={16} aria-hidden="true" />
    </button>
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
