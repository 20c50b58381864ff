/** One GraphQL operation over HTTP, with a time limit. */
import type { TypedDocumentString } from "../gen/documents";
import { ApiError, fromWire, UNREACHABLE, type WireError } from "./errors";
import { isObject, parseObject } from "./json";

export const ENDPOINT = "/graphql";
const TIME_LIMIT_MS = 20_000;
const NOT_REGISTERED = "PERSISTED_QUERY_NOT_FOUND";

/** The API's WebSocket, on the server that this page came from. */
export function socketAddress(): string {
  const address = new URL(ENDPOINT, window.location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}

export interface Answer {
  data?: unknown;
  errors?: readonly WireError[];
}

function isWireError(value: unknown): value is WireError {
  return isObject(value) && typeof value["message"] === "string";
}

/** The body as a GraphQL answer, or null where somebody else (a proxy) answered. */
export function readAnswer(text: string): Answer | null {
  const body = parseObject(text);
  if (body === null || !("data" in body || "errors" in body)) return null;
  const errors = Array.isArray(body["errors"]) ? body["errors"].filter(isWireError) : [];
  return { data: body["data"], errors };
}

/** The data, or an ApiError. Fields that were refused beneath nullable ones are null; the rest is worth showing. */
export function dataOf(answer: Answer): unknown {
  const errors = answer.errors ?? [];
  const signedOut = errors.some((error) => error.extensions?.code === "UNAUTHENTICATED");
  if (isObject(answer.data) && !signedOut) return answer.data;
  throw fromWire(errors);
}

async function post(body: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(ENDPOINT, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
      body,
      signal,
    });
  } catch {
    throw new ApiError(UNREACHABLE, "DataWave does not answer. Is the server running, and the network up?");
  }
}

async function ask(request: object, headers: Record<string, string>): Promise<Answer> {
  const response = await post(JSON.stringify(request), headers, AbortSignal.timeout(TIME_LIMIT_MS));
  const answer = readAnswer(await response.text().catch(() => ""));
  if (answer === null) {
    throw new ApiError(UNREACHABLE, `The server answered ${response.status} without a GraphQL answer.`);
  }
  return answer;
}

/** Hashes that the server was found not to know: it is of another build than this page. */
const unknownThere = new Set<string>();

/** Names the document by its hash, and sends the whole of it where the server does not know it. */
async function askFor<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  headers: Record<string, string>,
): Promise<Answer> {
  const hash: unknown = document.__meta__?.["hash"];
  if (typeof hash === "string" && !unknownThere.has(hash)) {
    const answer = await ask({ documentId: `sha256:${hash}`, variables }, headers);
    const unknown = (answer.errors ?? []).some((error) => error.extensions?.code === NOT_REGISTERED);
    if (!unknown) return answer;
    unknownThere.add(hash);
  }
  return ask({ query: document.toString(), variables }, headers);
}

export async function run<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  headers: Record<string, string> = {},
): Promise<Result> {
  const answer = await askFor(document, variables, headers);
  // The document was checked against the schema when its types were generated, and the server validated it.
  return dataOf(answer) as Result;
}
