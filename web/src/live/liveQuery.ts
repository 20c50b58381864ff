/** An answer that keeps itself true: a query, and the stream that starts at the cursor the query was read at. */
import type { TypedDocumentString } from "../gen/documents";
import type { Connection } from "./connection";
import { ApiError, passes, UNREACHABLE } from "./errors";
import { isObject } from "./json";
import { merge, nodesIn, type Nodes } from "./merge";
import { FrameQueue, type Schedule } from "./queue";
import { Store } from "./store";
import { backOff, realClock, type Clock } from "./time";

/** `problem` beside data: it was true once and is no longer followed. */
export interface Live<Data> {
  data: Data | null;
  problem: ApiError | null;
}

export type Apply<Data, Event> = (data: Data, event: Event) => Data;

export interface Definition<Data extends { cursor: string }, Event> {
  query: TypedDocumentString<Data, Record<string, never>>;
  stream: TypedDocumentString<Event, { after?: string | null | undefined }>;
  apply: Apply<Data, Event>;
}

export interface LiveOptions {
  connection: Connection;
  ask<Data>(query: TypedDocumentString<Data, Record<string, never>>): Promise<Data>;
  schedule?: Schedule;
  clock?: Clock;
}

interface Queued {
  event: unknown;
  apply(): void;
}

/** Unused answers stay this long, for a page that is left and come back to. */
const LINGER_MS = 5_000;

/** All live answers of a page. Nodes in any stream's events are merged into all of them. */
export class LiveQueries {
  readonly #options: LiveOptions;
  readonly #queries = new Map<string, { merge(nodes: Nodes): void; again(): void }>();
  readonly #queue: FrameQueue<Queued>;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#queue = new FrameQueue((items) => this.#applyAll(items), options.schedule);
  }

  /** The one answer for this definition, shared by all who show it. */
  of<Data extends { cursor: string }, Event>(definition: Definition<Data, Event>): LiveQuery<Data, Event> {
    const key = `${definition.query.toString()}\n${definition.stream.toString()}`;
    const known = this.#queries.get(key);
    // The key is the text of both documents, so what is kept under it has their types.
    if (known !== undefined) return known as LiveQuery<Data, Event>;
    const query: LiveQuery<Data, Event> = new LiveQuery(definition, this.#options, {
      queue: (item) => this.#queue.push(item),
      keep: () => this.#queries.set(key, query),
      forget: () => this.#queries.delete(key),
    });
    this.#queries.set(key, query);
    return query;
  }

  /** Somebody signed in again: what failed for want of a session is asked again, streams resume. */
  resume(): void {
    for (const query of this.#queries.values()) query.again();
    this.#options.connection.resume();
  }

  #applyAll(items: readonly Queued[]): void {
    const nodes = nodesIn(items.map((item) => item.event));
    for (const query of this.#queries.values()) query.merge(nodes);
    for (const item of items) item.apply();
  }
}

interface Owner {
  queue(item: Queued): void;
  keep(): void;
  forget(): void;
}

export class LiveQuery<Data extends { cursor: string }, Event> {
  readonly state = new Store<Live<Data>>({ data: null, problem: null });
  readonly #definition: Definition<Data, Event>;
  readonly #options: LiveOptions;
  readonly #owner: Owner;
  readonly #clock: Clock;
  #users = 0;
  /** Rises with every question and at the end, so that what answers an older one is not listened to. */
  #round = 0;
  #running = false;
  #failures = 0;
  #stopStream: () => void = () => undefined;
  #cancelRetry: () => void = () => undefined;
  #cancelEnd: () => void = () => undefined;

  constructor(definition: Definition<Data, Event>, options: LiveOptions, owner: Owner) {
    this.#definition = definition;
    this.#options = options;
    this.#owner = owner;
    this.#clock = options.clock ?? realClock;
  }

  watch = (watcher: () => void): (() => void) => {
    const leave = this.state.watch(watcher);
    this.#users++;
    this.#cancelEnd();
    if (!this.#running) this.#begin();
    return () => {
      leave();
      if (--this.#users === 0) this.#cancelEnd = this.#clock.after(LINGER_MS, () => this.#end());
    };
  };

  /** Asks anew, then follows from there. */
  again = (): void => {
    const round = ++this.#round;
    this.#stopStream();
    this.#cancelRetry();
    this.#options
      .ask(this.#definition.query)
      .then((data) => round === this.#round && this.#answered(data))
      .catch((error: unknown) => round === this.#round && this.#refused(asApiError(error)));
  };

  merge(nodes: Nodes): void {
    const { data, problem } = this.state.get();
    const merged = data === null ? null : merge(data, nodes);
    if (merged !== data) this.state.set({ data: merged, problem });
  }

  #begin(): void {
    this.#running = true;
    this.#owner.keep();
    this.again();
  }

  #end(): void {
    this.#round++;
    this.#running = false;
    this.#stopStream();
    this.#cancelRetry();
    this.#owner.forget();
  }

  #answered(data: Data): void {
    this.state.set({ data, problem: null });
    this.#follow(data.cursor);
  }

  /** Shows what is wrong; what passes by itself is asked again, later and later. */
  #refused(problem: ApiError): void {
    this.#stopStream();
    // The sign-in comes up for the whole page and says it.
    if (problem.code === "UNAUTHENTICATED") return this.#options.connection.signedOut();
    this.state.set({ data: this.state.get().data, problem });
    if (!passes(problem)) return;
    const { retryAfterSeconds } = problem;
    const wait =
      retryAfterSeconds === null ? backOff(this.#failures++, this.#clock) : retryAfterSeconds * 1000;
    this.#cancelRetry = this.#clock.after(wait, this.again);
  }

  #follow(cursor: string): void {
    const round = this.#round;
    this.#stopStream = this.#options.connection.open({
      query: this.#definition.stream.toString(),
      variables: {},
      cursor,
      next: (event) => round === this.#round && this.#heard(event),
      failed: (error) => round === this.#round && this.#streamFailed(error),
      completed: () => undefined,
    });
  }

  #heard(event: unknown): void {
    this.#failures = 0;
    countReplayed(event, this.#options.connection);
    const round = this.#round;
    this.#owner.queue({ event, apply: () => round === this.#round && this.#apply(event) });
  }

  #apply(event: unknown): void {
    const { data } = this.state.get();
    if (data === null) return;
    // The stream's document was checked against the schema when its types were generated.
    this.state.set({ data: this.#definition.apply(data, event as Event), problem: null });
  }

  #streamFailed(error: ApiError): void {
    if (error.code !== "CURSOR_EXPIRED") return this.#refused(error);
    this.#options.connection.tell({ kind: "reloaded" });
    this.again();
  }
}

function countReplayed(event: unknown, connection: Connection): void {
  const body = isObject(event) ? Object.values(event).find(isObject) : undefined;
  if (body?.["replayed"] === true && typeof body["cursor"] === "string") connection.replayed(body["cursor"]);
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  console.error(error);
  return new ApiError(UNREACHABLE, "Something went wrong in this page while it asked; it tries again.");
}
