import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

type Theme = "light" | "dark";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
const PAIR = /--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g;
const colours = new Map([...css.matchAll(PAIR)].map(([, name, light, dark]) => [name, { light, dark }]));

function channel(hex: string): number {
  const value = parseInt(hex, 16) / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function luminance(name: string, theme: Theme): number {
  const colour = colours.get(name)?.[theme];
  if (colour === undefined) throw new Error(`There is no token --${name}.`);
  return (
    0.2126 * channel(colour.slice(1, 3)) +
    0.7152 * channel(colour.slice(3, 5)) +
    0.0722 * channel(colour.slice(5, 7))
  );
}

/** The ratio of WCAG 2. */
function contrast(one: string, other: string, theme: Theme): number {
  const [low, high] = [luminance(one, theme), luminance(other, theme)].sort((a, b) => a - b);
  return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
}

const GROUNDS = ["bg", "surface", "raised"];
const TEXT = [
  ...["text", "text-2", "text-3", "accent"].flatMap((text) => GROUNDS.map((ground) => [text, ground])),
  ...["text", "text-2"].flatMap((text) => ["hover", "selected", "sunken"].map((ground) => [text, ground])),
  ...["good", "warn", "bad", "info"].flatMap((text) => [
    [text, `${text}-soft`],
    ...GROUNDS.map((ground) => [text, ground]),
  ]),
  ...["s0", "s1", "s2", "s3", "s4"].map((text) => [text, `${text}-soft`]),
  ["on-accent", "accent"],
  ["on-accent", "accent-hover"],
  ["accent", "accent-soft"],
] as [string, string][];
const MARKS = ["good-mark", "warn-mark", "bad-mark", "info-mark", "line-strong", "accent"].map(
  (mark) => [mark, "surface"] as const,
);

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  test.each(TEXT)("--%s can be read on --%s", (text, ground) => {
    expect(contrast(text, ground, theme)).toBeGreaterThanOrEqual(4.5);
  });
  test.each(MARKS)("--%s can be made out on --%s", (mark, ground) => {
    expect(contrast(mark, ground, theme)).toBeGreaterThanOrEqual(3);
  });
});
