/** An event of the log as a line for people. */
import type { EventRowFragment } from "../../gen/documents";
import { isObject } from "../../live/json";
import { count, sentenceCase } from "../../ui/words";

const FACTS_SHOWN = 3;
const LONGEST_FACT = 48;
/** Ids and hashes tell a person nothing. */
const MACHINE_WORD = /^([a-z]+_)?[0-9a-f]{16,}$|^[0-9a-f]{8}-[0-9a-f-]{27}$/;

export function what({ type }: { type: string }): string {
  return sentenceCase(type);
}

/** The name of the thing, or what kind of thing it is. */
export function whom({ subject }: Pick<EventRowFragment, "subject">): string | null {
  if (subject === null) return null;
  if ("dataSource" in subject) return subject.dataSource.name;
  if ("qualifiedName" in subject) return subject.qualifiedName;
  if ("name" in subject) return subject.name;
  if ("displayName" in subject) return subject.displayName;
  return sentenceCase(subject.__typename);
}

/** A few plain values of the event's data: `added 41`, `changed 2`. */
export function facts(data: unknown): string[] {
  if (!isObject(data)) return [];
  const told = Object.entries(data).flatMap(([name, value]) => fact(name, value));
  return told.slice(0, FACTS_SHOWN);
}

function fact(name: string, value: unknown): string[] {
  const label = sentenceCase(name).toLowerCase();
  if (/\bids?$/.test(label)) return [];
  if (typeof value === "number") return [`${label} ${Number.isInteger(value) ? count(value) : value}`];
  if (value === true) return [label];
  if (typeof value !== "string" || value === "" || value.length > LONGEST_FACT || MACHINE_WORD.test(value))
    return [];
  return [`${label} ${value}`];
}
