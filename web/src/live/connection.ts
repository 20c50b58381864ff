/**
 * Keeps streams alive: one transport at a time, reopened with back-off, every stream resumed after its own cursor.
 * WebSocket first; refused twice, server-sent events; refused there too, the WebSocket again.
 */
import { SseTransport } from "./sse";
import { SocketTransport } from "./socket";
import { Store } from "./store";
import { backOff, realClock, type Clock } from "./time";
import type { Loss, Stream, Transport, TransportEvents } from "./transport";

/** `lostAt` is when what is on screen stopped being followed. */
export type Status =
  | { phase: "connecting" }
  | { phase: "live" }
  | { phase: "reconnecting" | "offline" | "signed-out"; lostAt: number };

/** What a person is told once: that it is caught up, or that the log did not reach back far enough. */
export type Notice = { kind: "caught-up"; events: number } | { kind: "reloaded" };

export interface ConnectionOptions {
  openSocket(events: TransportEvents): Transport;
  openSse(events: TransportEvents): Transport;
  /** The browser's own word that there is no network; believed only once the transport is lost. */
  hasNetwork?(): boolean;
  clock?: Clock;
}

const REFUSALS_BEFORE_SSE = 2;
const FAILURES_BEFORE_OFFLINE = 5;
/** A transport that ends sooner than this was no success: come back with back-off, not at once. */
const GOOD_START_MS = 1_000;
/** Shorter cuts are nobody's business. */
export const WORTH_TELLING_MS = 2_000;
const QUIET_MS = 400;
const NOTICE_MS = 4_000;

/** The address is asked for when it is needed, so that this can be imported where there is no window. */
export function browserConnection(url: () => string): Connection {
  return new Connection({
    openSocket: (events) => new SocketTransport({ url }, events),
    openSse: (events) => new SseTransport(events),
    hasNetwork: () => navigator.onLine,
  });
}

export class Connection {
  readonly status = new Store<Status>({ phase: "connecting" });
  readonly notice = new Store<Notice | null>(null);
  readonly #options: ConnectionOptions;
  readonly #clock: Clock;
  readonly #streams = new Map<Stream, (() => void) | null>();
  #transport: Transport | null = null;
  #cancelRetry: (() => void) | null = null;
  #failures = 0;
  #refusals = 0;
  #openedAt: number | null = null;
  #catchingUp: Set<string> | null = null;
  #cancelQuiet: () => void = () => undefined;
  #cancelNotice: () => void = () => undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
  }

  open(stream: Stream): () => void {
    this.#streams.set(stream, null);
    if (this.#transport !== null) this.#start(stream, this.#transport);
    else if (this.#cancelRetry === null && this.status.get().phase !== "signed-out") this.#connect();
    return () => {
      this.#streams.get(stream)?.();
      this.#streams.delete(stream);
    };
  }

  /** The machine is on line again, or somebody looks: no reason to wait out the back-off. */
  tryNow(): void {
    if (this.#cancelRetry === null) return;
    this.#cancelRetry();
    this.#connect();
  }

  /** Somebody signed in again. */
  resume(): void {
    if (this.status.get().phase !== "signed-out") return;
    this.status.set({ phase: "connecting" });
    this.#connect();
  }

  signedOut(): void {
    if (this.status.get().phase === "signed-out") return;
    this.#drop();
    this.status.set({ phase: "signed-out", lostAt: this.#lostAt() });
  }

  tell(notice: Notice): void {
    this.#cancelNotice();
    this.notice.set(notice);
    this.#cancelNotice = this.#clock.after(NOTICE_MS, () => this.notice.set(null));
  }

  /** Counts what was missed; the same event may come by several streams. */
  replayed(cursor: string): void {
    if (this.#catchingUp === null) return;
    this.#catchingUp.add(cursor);
    this.#watchForQuiet();
  }

  close(): void {
    this.#drop();
    this.#streams.clear();
    this.#cancelQuiet();
    this.#cancelNotice();
  }

  #connect(): void {
    this.#cancelRetry = null;
    const open = this.#refusals >= REFUSALS_BEFORE_SSE ? this.#options.openSse : this.#options.openSocket;
    const transport = open({
      opened: () => transport === this.#transport && this.#opened(),
      lost: (loss) => transport === this.#transport && this.#lost(loss),
    });
    this.#transport = transport;
    for (const stream of this.#streams.keys()) this.#start(stream, transport);
  }

  #start(stream: Stream, transport: Transport): void {
    this.#streams.set(stream, transport.open(stream));
  }

  #opened(): void {
    const status = this.status.get();
    const away = "lostAt" in status ? this.#clock.now() - status.lostAt : 0;
    this.#failures = 0;
    this.#refusals = 0;
    this.#openedAt = this.#clock.now();
    this.status.set({ phase: "live" });
    if (away < WORTH_TELLING_MS) return;
    this.#catchingUp = new Set();
    this.#watchForQuiet();
  }

  #lost(loss: Loss): void {
    this.#drop();
    if (loss === "signed-out") return this.signedOut();
    if (this.#streams.size === 0) return;
    if (loss === "refused") this.#countRefusal();
    const lasted = this.#openedAt === null ? 0 : this.#clock.now() - this.#openedAt;
    this.#openedAt = null;
    this.#sayLost();
    if (loss === "resume" && lasted >= GOOD_START_MS) return this.#connect();
    const wait = backOff(this.#failures++, this.#clock);
    this.#cancelRetry = this.#clock.after(wait, () => this.#connect());
  }

  /** After the SSE attempt the count begins anew, so that a server that was merely down gets its WebSocket back. */
  #countRefusal(): void {
    this.#refusals = this.#refusals >= REFUSALS_BEFORE_SSE ? 0 : this.#refusals + 1;
  }

  #sayLost(): void {
    const cutOff = this.#options.hasNetwork?.() === false || this.#failures >= FAILURES_BEFORE_OFFLINE;
    const phase = cutOff ? "offline" : "reconnecting";
    this.status.set({ phase, lostAt: this.#lostAt() });
  }

  #lostAt(): number {
    const status = this.status.get();
    return "lostAt" in status ? status.lostAt : this.#clock.now();
  }

  #drop(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    const transport = this.#transport;
    this.#transport = null;
    transport?.close();
    for (const stream of this.#streams.keys()) this.#streams.set(stream, null);
  }

  #watchForQuiet(): void {
    this.#cancelQuiet();
    this.#cancelQuiet = this.#clock.after(QUIET_MS, () => {
      const events = this.#catchingUp?.size ?? 0;
      this.#catchingUp = null;
      this.tell({ kind: "caught-up", events });
    });
  }
}
