/** What other features take from this one. */
export { Gate, useSession } from "./Gate";
export { session, sessionEnded, signOut, type Person } from "./session";
