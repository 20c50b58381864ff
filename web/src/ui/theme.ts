/** Light, dark, or as the system has it; the choice is kept in this browser. */
import { Store } from "../live/store";

export type Theme = "system" | "light" | "dark";

const KEY = "datawave.theme";
const ORDER: readonly Theme[] = ["system", "light", "dark"];

function kept(): Theme {
  const value = ORDER.find((theme) => theme === readKept());
  return value ?? "system";
}

/** Storage may be forbidden; then the choice lasts as long as the page. */
function readKept(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function keep(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    return;
  }
}

export const theme = new Store<Theme>("system");

export function applyTheme(choice: Theme = kept()): void {
  theme.set(choice);
  if (choice === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = choice;
}

export function nextTheme(): void {
  const next = ORDER[(ORDER.indexOf(theme.get()) + 1) % ORDER.length] ?? "system";
  keep(next);
  applyTheme(next);
}
