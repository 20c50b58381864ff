/** GraphiQL's way to the API: HTTP and one WebSocket, both with the page's cookie. */
import { createGraphiQLFetcher, type Fetcher, type FetcherParams } from "@graphiql/toolkit";
import { getOperationAST, parse, type ExecutionResult, type OperationDefinitionNode } from "graphql";
import { createClient, type Client, type SubscribePayload } from "graphql-ws";
import { ENDPOINT, socketAddress } from "../../live/http";
import { isObject } from "../../live/json";
import { sessionEnded } from "../identity";

const SIGNED_OUT_CODES = new Set([4401, 4403]);
const PING_EVERY_MS = 10_000;
const CUT_OFF =
  "The connection was lost. Run it again; with the last cursor as after, it goes on without a gap.";

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

/** Of what is written now: GraphiQL's own word is of what was there a moment before, in the last tab maybe. */
function operationOf({ query, operationName }: FetcherParams): OperationDefinitionNode | null {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document) ?? null;
  } catch {
    // The API says what is wrong with it.
    return null;
  }
}

/** The toolkit's own way leaves a refused stream's error unhandled in the console. */
async function* follow(socket: Client, payload: SubscribePayload): AsyncGenerator<unknown> {
  try {
    yield* socket.iterate(payload);
  } catch (error) {
    if (!(error instanceof CloseEvent)) throw error;
    yield { errors: [{ message: CUT_OFF }] };
  }
}

export function createFetcher(): Fetcher {
  const socket = createClient({
    url: socketAddress,
    keepAlive: PING_EVERY_MS,
    // Begun anew by itself, a stream would leave out what happened meanwhile and not say so.
    retryAttempts: 0,
    on: { closed: watchClose },
  });
  const overHttp = createGraphiQLFetcher({ url: ENDPOINT, fetch: fetchWatched });
  return (params, options) => {
    const operation = operationOf(params);
    const asked = { ...params, operationName: operation?.name?.value ?? null };
    if (operation?.operation !== "subscription") return overHttp(asked, options);
    // Its type wants errors to be instances of a class; what is shown is JSON.
    return follow(socket, asked) as AsyncIterable<ExecutionResult>;
  };
}
