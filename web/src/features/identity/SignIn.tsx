/** The sign-in over the page, one step after the other. */
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Logo } from "../../ui/Logo";
import { text, useForm, type Sent } from "./form";
import { mailed, type MailedLink } from "./link";
import {
  addressOf,
  askForReset,
  setPassword,
  showSecondFactor,
  signIn,
  waysIn,
  type Outcome,
  type SecondFactor,
  type WayIn,
} from "./session";

type Step =
  | { is: "password" }
  | { is: "code"; challenge: string }
  | { is: "forgotten" }
  | { is: "new-password"; link: MailedLink };

export function SignIn({ again }: { again: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [step, go] = useState<Step>(() => {
    const link = mailed.get();
    return link === null ? { is: "password" } : { is: "new-password", link };
  });
  const show = (): void => dialog.current?.showModal();
  useEffect(show, []);
  useEffect(
    () =>
      mailed.watch(() => {
        const link = mailed.get();
        if (link !== null) go({ is: "new-password", link });
      }),
    [],
  );
  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby="sign-in-title"
      // A second Escape closes a dialog whatever it says to the first.
      onClose={show}
    >
      <StepOf step={step} again={again} go={go} />
    </dialog>
  );
}

function StepOf({ step, again, go }: { step: Step; again: boolean; go: (to: Step) => void }) {
  switch (step.is) {
    case "password":
      return <Password again={again} go={go} />;
    case "code":
      return <Code challenge={step.challenge} go={go} />;
    case "forgotten":
      return <Forgotten go={go} />;
    case "new-password":
      return <NewPassword link={step.link} go={go} />;
  }
}

/** The next step where there is one, or why the attempt was refused. */
function next(outcome: Outcome, go: (to: Step) => void): string | null {
  if (outcome === "signed-in") {
    mailed.set(null);
    return null;
  }
  if ("refused" in outcome) return outcome.refused;
  go({ is: "code", challenge: outcome.challenge });
  return null;
}

function Password({ again, go }: { again: boolean; go: (to: Step) => void }) {
  const form = useForm(async (fields) =>
    // A password may begin or end with a space.
    next(await signIn(text(fields, "email").trim(), text(fields, "password")), go),
  );
  return (
    <form className="sign-in" onSubmit={form.onSubmit}>
      <Title>Sign in to DataWave</Title>
      <p>
        {again ? "Your session has ended. Sign in and go on where you were." : "With your e-mail and password."}
      </p>
      <Email />
      <label className="field">
        <span>Password</span>
        <input name="password" type="password" autoComplete="current-password" required data-secret />
      </label>
      <Send sent={form.sent} busy="Signing in…">
        Sign in
      </Send>
      <Aside onClick={() => go({ is: "forgotten" })}>Forgotten your password?</Aside>
      <OtherWays />
    </form>
  );
}

function OtherWays() {
  const [ways, setWays] = useState<readonly WayIn[]>([]);
  useEffect(() => {
    void waysIn().then(setWays);
  }, []);
  if (ways.length === 0) return null;
  return (
    <ul className="ways" aria-label="Other ways to sign in">
      {ways.map((way) => (
        <li key={way.id}>
          <a className="button" href={addressOf(way)}>
            Continue with {way.name}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Code({ challenge, go }: { challenge: string; go: (to: Step) => void }) {
  const [kind, setKind] = useState<SecondFactor["kind"]>("totp");
  const form = useForm(async (fields) => {
    const code = text(fields, "code").replaceAll(" ", "");
    const rememberDevice = fields.has("remember");
    return next(await showSecondFactor({ challenge, code, kind, rememberDevice }), go);
  });
  const byPhone = kind === "totp";
  return (
    <form className="sign-in" onSubmit={form.onSubmit}>
      <Title>One more step</Title>
      <label className="field" key={kind}>
        <span>{byPhone ? "Code from your authenticator" : "One of your recovery codes"}</span>
        <input
          name="code"
          inputMode={byPhone ? "numeric" : "text"}
          autoComplete={byPhone ? "one-time-code" : "off"}
          required
          autoFocus
          data-secret
        />
      </label>
      <label className="choice">
        <input name="remember" type="checkbox" />
        <span>Do not ask on this device for 30 days</span>
      </label>
      <Send sent={form.sent} busy="Signing in…">
        Sign in
      </Send>
      <Aside onClick={() => setKind(byPhone ? "recoveryCode" : "totp")}>
        {byPhone ? "Use a recovery code" : "Use your authenticator"}
      </Aside>
      <Aside onClick={() => go({ is: "password" })}>Begin again</Aside>
    </form>
  );
}

function Forgotten({ go }: { go: (to: Step) => void }) {
  const [asked, setAsked] = useState<string | null>(null);
  const form = useForm(async (fields) => {
    const email = text(fields, "email").trim();
    const refused = await askForReset(email);
    if (refused === null) setAsked(email);
    return refused;
  });
  return (
    <form className="sign-in" onSubmit={form.onSubmit}>
      <Title>Set a new password</Title>
      {asked === null ? (
        <>
          <p>We send you a link by which you set a new one.</p>
          <Email />
          <Send sent={form.sent} busy="Sending…">
            Send the link
          </Send>
        </>
      ) : (
        <p role="status" tabIndex={-1} ref={takeFocus}>
          If {asked} has an account here, a mail is on its way. Its link works once, within an hour.
        </p>
      )}
      <Aside onClick={() => go({ is: "password" })}>Back to sign-in</Aside>
    </form>
  );
}

/** The button that had it is gone; whoever cannot see the page hears what took its place. */
function takeFocus(element: HTMLElement | null): void {
  element?.focus();
}

function NewPassword({ link, go }: { link: MailedLink; go: (to: Step) => void }) {
  const form = useForm(async (fields) => next(await setPassword(link.token, text(fields, "new-password")), go));
  const aside = (): void => {
    mailed.set(null);
    go({ is: link.kind === "reset" ? "forgotten" : "password" });
  };
  return (
    <form className="sign-in" onSubmit={form.onSubmit}>
      <Title>{link.kind === "invitation" ? "Welcome to DataWave" : "Set a new password"}</Title>
      <p id="how-long">At least 10 characters that are not guessed soon: a few unrelated words will do.</p>
      <label className="field">
        <span>New password</span>
        <input
          name="new-password"
          type="password"
          autoComplete="new-password"
          aria-describedby="how-long"
          minLength={10}
          required
          autoFocus
          data-secret
        />
      </label>
      <Send sent={form.sent} busy="Setting it…">
        Set the password and sign in
      </Send>
      <Aside onClick={aside}>
        {link.kind === "reset" ? "Ask for another link" : "Sign in instead"}
      </Aside>
    </form>
  );
}

function Title({ children }: { children: ReactNode }) {
  return (
    <h2 id="sign-in-title">
      <Logo /> {children}
    </h2>
  );
}

function Email() {
  return (
    <label className="field">
      <span>E-mail</span>
      <input name="email" type="email" autoComplete="username" required autoFocus />
    </label>
  );
}

function Send({ sent, busy, children }: { sent: Sent; busy: string; children: ReactNode }) {
  return (
    <>
      <p className="refused" role="alert">
        {sent.refused}
      </p>
      <button type="submit" className="button" data-kind="primary" disabled={sent.busy}>
        {sent.busy ? busy : children}
      </button>
    </>
  );
}

function Aside({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <button type="button" className="button aside" data-kind="quiet" onClick={onClick}>
      {children}
    </button>
  );
}
