/** Who is signed in here. The session itself is a cookie that no script can read. */
import {
  EndSessionDocument,
  RequestPasswordResetDocument,
  SetPasswordDocument,
  SignInDocument,
  ViewerDocument,
  WaysInDocument,
  type EnteringFragment,
  type SignInInput,
  type ViewerQuery,
  type WaysInQuery,
} from "../../gen/documents";
import { ApiError, UNREACHABLE } from "../../live/errors";
import { run } from "../../live/http";
import { Store } from "../../live/store";

export type Person = NonNullable<ViewerQuery["viewer"]>["actor"];
export type WayIn = WaysInQuery["oidcProviders"][number];

export type Session =
  | { phase: "asking"; problem: ApiError | null }
  | { phase: "nobody" }
  | { phase: "somebody"; person: Person }
  /** The session ended under an open page; whoever signs in again goes on where they were. */
  | { phase: "ended"; person: Person };

/** What became of an attempt: in, a second factor to show for the challenge, or why not. */
export type Outcome = "signed-in" | { challenge: string } | { refused: string };

export interface SecondFactor {
  challenge: string;
  /** Of the authenticator, or one of the recovery codes. */
  code: string;
  kind: "totp" | "recoveryCode";
  rememberDevice: boolean;
}

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

/** The login services one may come from; none where the server does not say. */
export async function waysIn(): Promise<readonly WayIn[]> {
  try {
    return (await run(WaysInDocument, {})).oidcProviders;
  } catch (error) {
    if (error instanceof ApiError) return [];
    throw error;
  }
}

/** Whoever comes back by a login service goes on with the page that they left. */
export function addressOf(way: WayIn): string {
  return `${way.signInUrl}?return=${encodeURIComponent(window.location.pathname)}`;
}

export function signIn(email: string, password: string): Promise<Outcome> {
  return entering({ password: { email, password } });
}

export function showSecondFactor({ challenge, code, kind, rememberDevice }: SecondFactor): Promise<Outcome> {
  return entering({ secondFactor: { challenge, [kind]: code, rememberDevice } });
}

function entering(input: SignInInput): Promise<Outcome> {
  return outcomeOf(async () => (await run(SignInDocument, { input }, WITH_COOKIE)).signIn);
}

/** By the token of a mailed link. Whoever sets it is signed in. */
export function setPassword(token: string, newPassword: string): Promise<Outcome> {
  const input = { token: { token, newPassword } };
  return outcomeOf(async () => (await run(SetPasswordDocument, { input }, WITH_COOKIE)).setPassword);
}

async function outcomeOf(ask: () => Promise<EnteringFragment>): Promise<Outcome> {
  try {
    const { errors, mfaRequired, challenge, viewer } = await ask();
    if (viewer !== null) {
      enter(viewer.actor);
      return "signed-in";
    }
    if (mfaRequired && challenge !== null) return { challenge };
    return { refused: errors[0]?.message ?? "The sign-in was refused." };
  } catch (error) {
    if (error instanceof ApiError) return { refused: error.message };
    throw error;
  }
}

/** Null where a mail is on its way, if there is such an account; else why none can be. */
export async function askForReset(email: string): Promise<string | null> {
  try {
    const { requestPasswordReset: answer } = await run(RequestPasswordResetDocument, { input: { email } });
    return answer.errors[0]?.message ?? null;
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
}

function enter(person: Person): void {
  const before = session.get();
  // What is on screen was read with another's rights, whose session ended or who opened a mailed link: begin anew.
  if ("person" in before && before.person.id !== person.id) window.location.reload();
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
