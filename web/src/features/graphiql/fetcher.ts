/** GraphiQL's way to the API: HTTP and one WebSocket, both with the page's cookie. */
import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";
import { ENDPOINT, socketAddress } from "../../live/http";
import { isObject } from "../../live/json";
import { sessionEnded } from "../identity";

const SIGNED_OUT_CODES = new Set([4401, 4403]);
const PING_EVERY_MS = 10_000;

function watchClose(event: unknown): void {
  if (event instanceof CloseEvent && SIGNED_OUT_CODES.has(event.code)) sessionEnded();
}

function isUnauthenticated(error: unknown): boolean {
  return (
    isObject(error) && isObject(error["extensions"]) && error["extensions"]["code"] === "UNAUTHENTICATED"
  );
}

/** An ended session brings the sign-in up; the answer is shown all the same. */
async function fetchWatched(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  const copy: unknown =
    response.ok || response.status === 401
      ? await response
          .clone()
          .json()
          .catch(() => null)
      : null;
  const errors = isObject(copy) && Array.isArray(copy["errors"]) ? copy["errors"] : [];
  if (errors.some(isUnauthenticated)) sessionEnded();
  return response;
}

export function createFetcher(): Fetcher {
  const wsClient = createClient({
    url: socketAddress,
    keepAlive: PING_EVERY_MS,
    on: { closed: watchClose },
  });
  return createGraphiQLFetcher({ url: ENDPOINT, wsClient, fetch: fetchWatched });
}
