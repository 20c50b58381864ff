/** Who is signed in here. The session itself is a cookie that no script can read. */
import { EndSessionDocument, SignInDocument, ViewerDocument, type ViewerQuery } from "../../gen/documents";
import { ApiError, UNREACHABLE } from "../../live/errors";
import { run } from "../../live/http";
import { Store } from "../../live/store";

export type Person = NonNullable<ViewerQuery["viewer"]>["actor"];

export type Session =
  | { phase: "asking"; problem: ApiError | null }
  | { phase: "nobody" }
  | { phase: "somebody"; person: Person }
  /** The session ended under an open page; whoever signs in again goes on where they were. */
  | { phase: "ended"; person: Person };

export interface Attempt {
  email: string;
  password: string;
  totp: string;
}

/** What became of an attempt: in, one more thing to say, or why not. */
export type Outcome = "signed-in" | "second-factor" | { refused: string };

/** Asks the server to answer with a cookie in place of tokens. */
const WITH_COOKIE = { "X-DataWave-Cookie": "1" };

export const session = new Store<Session>({ phase: "asking", problem: null });

export async function askWhoIsThere(): Promise<void> {
  try {
    const { viewer } = await run(ViewerDocument, {});
    session.set(viewer === null ? { phase: "nobody" } : { phase: "somebody", person: viewer.actor });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    session.set(error.code === "UNAUTHENTICATED" ? { phase: "nobody" } : { phase: "asking", problem: error });
  }
}

export async function signIn({ email, password, totp }: Attempt): Promise<Outcome> {
  const withCode = totp === "" ? { email, password } : { email, password, totp };
  try {
    const { signIn: answer } = await run(SignInDocument, { input: { password: withCode } }, WITH_COOKIE);
    const [error] = answer.errors;
    if (answer.viewer !== null) enter(answer.viewer.actor);
    if (answer.viewer !== null) return "signed-in";
    if (answer.mfaRequired && totp === "") return "second-factor";
    return { refused: error?.message ?? "The sign-in was refused." };
  } catch (error) {
    if (error instanceof ApiError) return { refused: error.message };
    throw error;
  }
}

function enter(person: Person): void {
  const before = session.get();
  // What is on screen was read with another's rights: begin anew.
  if (before.phase === "ended" && before.person.id !== person.id) window.location.reload();
  else session.set({ phase: "somebody", person });
}

export function sessionEnded(): void {
  const now = session.get();
  if (now.phase === "somebody") session.set({ phase: "ended", person: now.person });
}

/** Leaves nothing of the page behind. */
export async function signOut(): Promise<ApiError | null> {
  try {
    const { endSession } = await run(EndSessionDocument, {});
    const [error] = endSession.errors;
    if (error !== undefined) return new ApiError(error.code, error.message);
  } catch (error) {
    const told = error instanceof ApiError ? error : new ApiError(UNREACHABLE, String(error));
    if (told.code !== "UNAUTHENTICATED") return told;
  }
  window.location.reload();
  return null;
}
