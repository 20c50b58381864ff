/** Numbers, durations and names as people read them. */

export type Whole = number | string;

const grouped = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });

export function count(value: Whole): string {
  return grouped.format(typeof value === "number" ? value : BigInt(value));
}

export function rate(perSecond: number): string {
  return perSecond >= 100 ? grouped.format(Math.round(perSecond)) : short.format(perSecond);
}

export function plural(value: Whole, one: string, many = `${one}s`): string {
  return `${count(value)} ${Number(value) === 1 ? one : many}`;
}

/** `0.4 s`, `2 s`, `41 s`, `4 min 12 s`, `2 h 5 min`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Relative within a day, the date after it. */
export function ago(instant: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(instant)) / 1000);
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(instant).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

export function clockTime(instant: string | number, seconds = false): string {
  const parts = {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? ({ second: "2-digit" } as const) : {}),
  } as const;
  return new Date(instant).toLocaleTimeString(undefined, { ...parts, hourCycle: "h23" });
}

export function exactTime(instant: string): string {
  return new Date(instant).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
}

/** `UPDATE_CATALOG` and `ColumnsFound` as `Update catalog` and `Columns found`. */
export function sentenceCase(name: string): string {
  const words = name
    .replaceAll("_", " ")
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
