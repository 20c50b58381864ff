/**
 * Whole nodes that come with events replace the same nodes, by `id`, wherever an answer on screen shows them.
 * A document that streams a node selects the fragment its query selects; fields the answer does not have are not added.
 */
import { isObject, type JsonObject } from "./json";

export type Nodes = ReadonlyMap<string, JsonObject>;

/** All nodes within a value; of one that comes twice, the later. */
export function nodesIn(value: unknown, found: Map<string, JsonObject> = new Map()): Map<string, JsonObject> {
  if (Array.isArray(value)) {
    for (const item of value) nodesIn(item, found);
  } else if (isObject(value)) {
    if (typeof value["id"] === "string") found.set(value["id"], { ...found.get(value["id"]), ...value });
    for (const field of Object.values(value)) nodesIn(field, found);
  }
  return found;
}

/** The same value where nothing changed, so that what React has memoised stays. */
export function merge<Value>(value: Value, nodes: Nodes): Value {
  // The shape is kept: only values of fields that are there already are replaced, by the same fields of the same node.
  return mergeValue(value, nodes) as Value;
}

function mergeValue(value: unknown, nodes: Nodes): unknown {
  if (Array.isArray(value))
    return keepIfSame(
      value,
      value.map((item: unknown) => mergeValue(item, nodes)),
    );
  if (!isObject(value)) return value;
  const incoming = typeof value["id"] === "string" ? nodes.get(value["id"]) : undefined;
  const current = incoming === undefined || isOlder(incoming, value) ? value : overlay(value, incoming);
  return mapFields(current, (field) => mergeValue(field, nodes));
}

function isOlder(incoming: JsonObject, existing: JsonObject): boolean {
  const [then, now] = [incoming["updatedAt"], existing["updatedAt"]];
  return typeof then === "string" && typeof now === "string" && then < now;
}

function overlay(existing: JsonObject, incoming: JsonObject): JsonObject {
  return mapFields(existing, (field, name) => (name in incoming ? newer(field, incoming[name]) : field));
}

function newer(existing: unknown, incoming: unknown): unknown {
  if (Array.isArray(existing) && Array.isArray(incoming)) return newerList(existing, incoming);
  if (!isObject(existing) || !isObject(incoming)) return incoming;
  if (existing["id"] !== incoming["id"]) return incoming;
  return isOlder(incoming, existing) ? existing : overlay(existing, incoming);
}

function newerList(existing: readonly unknown[], incoming: readonly unknown[]): unknown {
  const byId = new Map(existing.filter(isObject).map((item) => [item["id"], item]));
  const items = incoming.map((item: unknown) => {
    const known = isObject(item) && typeof item["id"] === "string" ? byId.get(item["id"]) : undefined;
    return known === undefined ? item : newer(known, item);
  });
  return keepIfSame(existing, items);
}

function mapFields(value: JsonObject, change: (field: unknown, name: string) => unknown): JsonObject {
  let changed: { [key: string]: unknown } | null = null;
  for (const [name, field] of Object.entries(value)) {
    const now = change(field, name);
    if (Object.is(now, field)) continue;
    changed ??= { ...value };
    changed[name] = now;
  }
  return changed ?? value;
}

function keepIfSame(before: readonly unknown[], after: readonly unknown[]): readonly unknown[] {
  const same = before.length === after.length && before.every((item, index) => Object.is(item, after[index]));
  return same ? before : after;
}
