/** What carries streams: one WebSocket for all of them, or a response of server-sent events for each. */
import { ApiError } from "./errors";
import { dataOf, type Answer } from "./http";
import { isObject } from "./json";

export interface Stream {
  readonly query: string;
  readonly variables: { readonly [name: string]: unknown };
  /** Everything up to here has arrived; the stream is resumed after it. */
  cursor: string | null;
  next(data: unknown): void;
  failed(error: ApiError): void;
  completed(): void;
}

/** How a transport ended: never opened, lost, told to come back, or the session is over. */
export type Loss = "refused" | "dropped" | "resume" | "signed-out";

export interface TransportEvents {
  opened(): void;
  lost(loss: Loss): void;
}

export interface Transport {
  open(stream: Stream): () => void;
  close(): void;
}

export function payloadOf(stream: Stream): { query: string; variables: { [name: string]: unknown } } {
  return { query: stream.query, variables: { ...stream.variables, after: stream.cursor } };
}

/** Hands one answer to its stream and moves the cursor past it. */
export function deliver(stream: Stream, answer: Answer): void {
  let data: unknown;
  try {
    data = dataOf(answer);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    stream.failed(error);
    return;
  }
  stream.next(data);
  const event = isObject(data) ? Object.values(data).find(isObject) : undefined;
  if (typeof event?.["cursor"] === "string") stream.cursor = event["cursor"];
}
