/** The sign-in over the page. */
import { useEffect, useRef, useState, type FormEvent } from "react";
import { Logo } from "../../ui/Logo";
import { signIn, type Attempt } from "./session";

interface State {
  busy: boolean;
  needsCode: boolean;
  refused: string | null;
}

function attemptFrom(form: HTMLFormElement): Attempt {
  const fields = new FormData(form);
  const text = (name: string): string => {
    const value = fields.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  // A password may begin or end with a space.
  return { email: text("email"), password: String(fields.get("password") ?? ""), totp: text("totp") };
}

function useSignIn() {
  const [state, setState] = useState<State>({ busy: false, needsCode: false, refused: null });
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget;
    setState((now) => ({ ...now, busy: true, refused: null }));
    const outcome = await signIn(attemptFrom(form));
    setState((now) => ({
      busy: false,
      needsCode: now.needsCode || outcome === "second-factor",
      refused: typeof outcome === "object" ? outcome.refused : null,
    }));
    // The button was disabled meanwhile and has lost the focus; what is wrong is most likely the password.
    if (typeof outcome === "object") form.querySelector<HTMLInputElement>("[name=password]")?.select();
  };
  return { state, submit };
}

export function SignIn({ again }: { again: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { state, submit } = useSignIn();
  const show = (): void => dialog.current?.showModal();
  useEffect(show, []);
  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby="sign-in-title"
      // A second Escape closes a dialog whatever it says to the first.
      onClose={show}
    >
      <form className="sign-in" onSubmit={(event) => void submit(event)}>
        <h2 id="sign-in-title">
          <Logo /> Sign in to DataWave
        </h2>
        <p>
          {again
            ? "Your session has ended. Sign in and go on where you were."
            : "With your e-mail and password."}
        </p>
        <label className="field">
          <span>E-mail</span>
          <input name="email" type="email" autoComplete="username" required autoFocus />
        </label>
        <label className="field">
          <span>Password</span>
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        {state.needsCode ? <Code /> : null}
        <p className="refused" role="alert">
          {state.refused}
        </p>
        <button type="submit" className="button" data-kind="primary" disabled={state.busy}>
          {state.busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </dialog>
  );
}

function Code() {
  return (
    <label className="field">
      <span>Code from your authenticator</span>
      <input name="totp" inputMode="numeric" autoComplete="one-time-code" required autoFocus />
    </label>
  );
}
