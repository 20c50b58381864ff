/** `useLive(query, stream, apply)`: an answer that follows its stream for as long as a component shows it. */
import { useMemo, useSyncExternalStore } from "react";
import type { TypedDocumentString } from "../gen/documents";
import { live } from "./client";
import type { ApiError } from "./errors";
import type { Apply } from "./liveQuery";

export interface LiveAnswer<Data> {
  data: Data | null;
  problem: ApiError | null;
  again(): void;
}

/** `apply` is for what the merge by id cannot know: rows that come and go. It belongs outside the component. */
export function useLive<Data extends { cursor: string }, Event>(
  query: TypedDocumentString<Data, Record<string, never>>,
  stream: TypedDocumentString<Event, { after?: string | null | undefined }>,
  apply: Apply<Data, Event>,
): LiveAnswer<Data> {
  const answer = useMemo(() => live.of({ query, stream, apply }), [query, stream, apply]);
  const state = useSyncExternalStore(answer.watch, answer.state.get);
  return { ...state, again: answer.again };
}
