/** The page's one connection and its live answers. */
import { browserConnection } from "./connection";
import { run, socketAddress } from "./http";
import { LiveQueries } from "./liveQuery";

export const connection = browserConnection(socketAddress);

export const live = new LiveQueries({ connection, ask: (query) => run(query, {}) });

/** A machine that is on line again, or a tab somebody looks at, does not wait out the back-off. */
export function tryAtOnceWhenBack(): void {
  window.addEventListener("online", () => connection.tryNow());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") connection.tryNow();
  });
}
