/** What went wrong, in the API's own words: a code to react to, a sentence to show, an id to quote. */

export interface WireError {
  message: string;
  extensions?: { code?: unknown; id?: unknown; errorId?: unknown; retryAfterSeconds?: unknown };
}

export class ApiError extends Error {
  readonly code: string;
  readonly reference: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(
    code: string,
    message: string,
    details: { reference?: string; retryAfterSeconds?: number } = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.reference = details.reference ?? null;
    this.retryAfterSeconds = details.retryAfterSeconds ?? null;
  }
}

/** The server could not be asked at all; not an answer of the API. */
export const UNREACHABLE = "UNREACHABLE";

/** Failures that pass by themselves: asking again later is the right reaction. */
const PASSING = new Set([UNREACHABLE, "UNAVAILABLE", "RATE_LIMITED", "CIRCUIT_OPEN", "INTERNAL"]);

export function passes(error: ApiError): boolean {
  return PASSING.has(error.code);
}

/** The error that decides what to do: an ended session before anything else. */
export function fromWire(errors: readonly WireError[]): ApiError {
  const [first] = errors;
  const decisive = errors.find((error) => error.extensions?.code === "UNAUTHENTICATED") ?? first;
  if (decisive === undefined) {
    return new ApiError("INTERNAL", "The server answered with neither data nor an error.");
  }
  const { code, id, errorId, retryAfterSeconds } = decisive.extensions ?? {};
  const reference = [errorId, id].find((value) => typeof value === "string");
  return new ApiError(typeof code === "string" ? code : "INVALID", decisive.message, {
    ...(reference === undefined ? {} : { reference }),
    ...(typeof retryAfterSeconds === "number" ? { retryAfterSeconds } : {}),
  });
}
