/** Streams over one WebSocket (graphql-transport-ws). Reconnecting is the connection's business, not the client's. */
import { createClient, type Client } from "graphql-ws";
import { fromWire, type WireError } from "./errors";
import { isObject } from "./json";
import {
  deliver,
  payloadOf,
  type Loss,
  type Stream,
  type Transport,
  type TransportEvents,
} from "./transport";

const PING_EVERY_MS = 10_000;
const PONG_WITHIN_MS = 6_000;
/** The socket is kept for a while after its last stream, for a page that is left and come back to. */
const LINGER_MS = 5_000;

const TOO_SLOW = 4290;
const SIGNED_OUT = new Set([4401, 4403]);

export interface SocketOptions {
  url: string | (() => string);
  /** Where there is no global WebSocket (tests under Node 20). */
  webSocketImpl?: unknown;
}

function lossOf(closed: unknown, wasOpen: boolean): Loss {
  const code = isCloseEvent(closed) ? closed.code : 0;
  if (SIGNED_OUT.has(code)) return "signed-out";
  if (code === TOO_SLOW) return "resume";
  return wasOpen ? "dropped" : "refused";
}

function isCloseEvent(value: unknown): value is { code: number } {
  return typeof value === "object" && value !== null && "code" in value && typeof value.code === "number";
}

function areWireErrors(value: unknown): value is readonly WireError[] {
  return Array.isArray(value);
}

export class SocketTransport implements Transport {
  readonly #streams = new Map<string, Stream>();
  readonly #events: TransportEvents;
  readonly #client: Client;
  #count = 0;
  #wasOpen = false;
  #ended = false;
  #pongTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SocketOptions, events: TransportEvents) {
    this.#events = events;
    this.#client = createClient({
      ...options,
      retryAttempts: 0,
      keepAlive: PING_EVERY_MS,
      lazyCloseTimeout: LINGER_MS,
      generateID: () => `${++this.#count}`,
      on: {
        connected: () => this.#opened(),
        closed: (event) => this.#lost(lossOf(event, this.#wasOpen)),
        ping: (received, payload) => (received ? this.#heard(payload) : this.#awaitPong()),
        pong: (received) => received && clearTimeout(this.#pongTimer),
      },
    });
  }

  open(stream: Stream): () => void {
    // graphql-ws takes the id while it subscribes, so the one it is about to take is known here.
    const id = `${this.#count + 1}`;
    this.#streams.set(id, stream);
    // A getter, because graphql-ws itself subscribes anew after a normal closure: then, too, from the latest cursor.
    const payload = {
      query: stream.query,
      get variables() {
        return payloadOf(stream).variables;
      },
    };
    const stop = this.#client.subscribe(payload, {
      next: (answer) => deliver(stream, { data: answer.data, errors: answer.errors ?? [] }),
      error: (error) => this.#failed(id, error),
      complete: () => this.#streams.delete(id) && stream.completed(),
    });
    return () => {
      // Deleted first: our own leaving is not the stream's end.
      this.#streams.delete(id);
      stop();
    };
  }

  close(): void {
    this.#ended = true;
    clearTimeout(this.#pongTimer);
    this.#streams.clear();
    void this.#client.dispose();
  }

  #opened(): void {
    this.#wasOpen = true;
    this.#events.opened();
  }

  #lost(loss: Loss): void {
    if (this.#ended) return;
    this.close();
    this.#events.lost(loss);
  }

  /** A closed socket comes here once for every stream as well; `closed` has spoken for all of them. */
  #failed(id: string, error: unknown): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    if (stream !== undefined && areWireErrors(error)) stream.failed(fromWire(error));
    else if (!isCloseEvent(error)) this.#lost(this.#wasOpen ? "dropped" : "refused");
  }

  /** `upTo`: everything of an operation up to there has been sent, so quiet and filtered streams keep up too. */
  #heard(payload: unknown): void {
    const upTo = isObject(payload) ? payload["upTo"] : undefined;
    if (!isObject(upTo)) return;
    for (const [id, cursor] of Object.entries(upTo)) {
      const stream = this.#streams.get(id);
      if (stream !== undefined && typeof cursor === "string") stream.cursor = cursor;
    }
  }

  /** A peer that is gone without a word is noticed by its silence. */
  #awaitPong(): void {
    clearTimeout(this.#pongTimer);
    this.#pongTimer = setTimeout(() => this.#client.terminate(), PONG_WITHIN_MS);
  }
}
