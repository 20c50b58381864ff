/** One press further: the system's colours, light, dark. */
import { Monitor, Moon, Sun, type LucideIcon } from "lucide-react";
import { useSyncExternalStore } from "react";
import { nextTheme, theme, type Theme } from "./theme";

const THEMES: Record<Theme, { icon: LucideIcon; title: string }> = {
  system: { icon: Monitor, title: "Colours as the system has them; press for light" },
  light: { icon: Sun, title: "Light colours; press for dark" },
  dark: { icon: Moon, title: "Dark colours; press for the system's" },
};

export function ThemeButton() {
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
