/** The link of a mail, by which somebody sets a password: `/#invitation=…` or `/#reset=…`. */
import { Store } from "../../live/store";

export interface MailedLink {
  kind: "invitation" | "reset";
  token: string;
}

export function linkIn(fragment: string): MailedLink | null {
  const found = /^#(invitation|reset)=([A-Za-z0-9_-]{20,200})$/.exec(fragment);
  return found === null ? null : { kind: found[1] as MailedLink["kind"], token: found[2] ?? "" };
}

/** Taken out of the address at once: what stands there ends up in histories and screenshots. */
function taken(): MailedLink | null {
  if (typeof window === "undefined") return null;
  const link = linkIn(window.location.hash);
  if (link !== null)
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
  return link;
}

/** The link that the page was opened by, until it has been used or put aside. */
export const mailed = new Store<MailedLink | null>(taken());

/** Opened where a page of ours is open already, a link changes its address and loads nothing. */
if (typeof window !== "undefined") {
  window.addEventListener("hashchange", () => {
    const link = taken();
    if (link !== null) mailed.set(link);
  });
}
