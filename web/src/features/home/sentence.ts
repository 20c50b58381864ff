/** An event of the log as a line for people. */
import type { EventRowFragment } from "../../gen/documents";
import { isObject, type JsonObject } from "../../live/json";
import { HEALTH_STATES, RUN_STATES, SOURCE_STATES, type Word } from "../../ui/states";
import { count, sentenceCase } from "../../ui/words";

const FACTS_SHOWN = 3;
const LONGEST_FACT = 48;
/** Ids and hashes tell a person nothing. */
const MACHINE_WORD = /^([a-z]+_)?[0-9a-f]{16,}$|^[0-9a-f]{8}-[0-9a-f-]{27}$/;
/** `RUNNING`, `DiscoverSource`, `update_catalog`: they say themselves what they are. */
const NAME_IN_CODE = /^[A-Z][A-Z_]+$|^([A-Z][a-z]+){2,}$|^[a-z]+(_[a-z]+)+$/;
/** Two values that are read as one: the other, what stands between them, what before. */
const PAIRS: { readonly [name: string]: readonly [string, string, string] } = {
  before: ["after", " → ", ""],
  first: ["last", "–", "no. "],
};
const STATES: { readonly [state: string]: Word } = { ...HEALTH_STATES, ...SOURCE_STATES, ...RUN_STATES };

export function what({ type }: { type: string }): string {
  return sentenceCase(type);
}

/** The name of the thing; what kind of thing it is, the event's type has said. */
export function whom({ subject, data }: Pick<EventRowFragment, "subject" | "data">): string | null {
  const named = subject === null ? null : nameOf(subject);
  if (named !== null) return named;
  return isObject(data) && typeof data["name"] === "string" ? data["name"] : null;
}

function nameOf(subject: NonNullable<EventRowFragment["subject"]>): string | null {
  if ("dataSource" in subject) return subject.dataSource?.name ?? null;
  if ("qualifiedName" in subject) return subject.qualifiedName;
  if ("name" in subject) return subject.name;
  return "displayName" in subject ? subject.displayName : null;
}

/** A few plain values of the event's data: `Classify`, `added 41`, `Queued → Running`. */
export function facts(event: Pick<EventRowFragment, "subject" | "data">): string[] {
  const { data } = event;
  if (!isObject(data)) return [];
  const known = whom(event);
  const told = Object.entries(withoutPairs(data)).flatMap(([name, value]) => fact(name, value));
  const rest = told.filter((text) => text !== known && text !== `name ${known}`);
  const paired = pairs(data);
  return [...rest.slice(0, FACTS_SHOWN - paired.length), ...paired];
}

function pairs(data: JsonObject): string[] {
  return Object.entries(PAIRS).flatMap(([one, [other, between, start]]) => {
    const ends = [data[one], data[other]].filter((end) => typeof end === "string" || typeof end === "number");
    return ends.length === 0 ? [] : [start + [...new Set(ends.map(said))].join(between)];
  });
}

function withoutPairs(data: JsonObject): JsonObject {
  const paired = new Set(Object.entries(PAIRS).flatMap(([one, [other]]) => [one, other]));
  return Object.fromEntries(Object.entries(data).filter(([name]) => !paired.has(name)));
}

/** A nought, a no and an empty word are nothing to tell. */
function fact(name: string, value: unknown): string[] {
  const label = sentenceCase(name).toLowerCase();
  if (/\bids?$/.test(label)) return [];
  if (value === true) return [label];
  if (typeof value === "number") return value === 0 ? [] : [`${label} ${said(value)}`];
  if (typeof value !== "string" || value === "" || value.length > LONGEST_FACT || MACHINE_WORD.test(value))
    return [];
  if (name === "key") return [sentenceCase(value)];
  return [NAME_IN_CODE.test(value) ? said(value) : `${label} ${value}`];
}

function said(value: string | number): string {
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : `${value}`;
  return STATES[value]?.text ?? (NAME_IN_CODE.test(value) ? sentenceCase(value) : value);
}
