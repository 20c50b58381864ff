/** Streams as server-sent events, one response each: for networks that do not let a WebSocket through. */
import { ApiError } from "./errors";
import { ENDPOINT, readAnswer } from "./http";
import {
  deliver,
  payloadOf,
  type Loss,
  type Stream,
  type Transport,
  type TransportEvents,
} from "./transport";

/** The server writes at least its `id:` beats; a response silent for longer is dead. */
const SILENCE_MS = 45_000;

export interface Block {
  event: string | null;
  data: string;
  id: string | null;
}

/** Takes whole blocks off the front of what has arrived; what is left over waits for more. */
export function takeBlocks(text: string): { blocks: Block[]; rest: string } {
  const parts = text.replaceAll("\r\n", "\n").split("\n\n");
  const rest = parts.pop() ?? "";
  return { blocks: parts.map(readBlock), rest };
}

function readBlock(text: string): Block {
  const block: Block = { event: null, data: "", id: null };
  const data: string[] = [];
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const field = line.slice(0, colon);
    if (field === "event") block.event = value;
    else if (field === "id") block.id = value;
    else if (field === "data") data.push(value);
  }
  return { ...block, data: data.join("\n") };
}

type End = "completed" | Loss;

export class SseTransport implements Transport {
  readonly #events: TransportEvents;
  readonly #endpoint: string;
  readonly #all = new AbortController();
  #wasOpen = false;

  constructor(events: TransportEvents, endpoint: string = ENDPOINT) {
    this.#events = events;
    this.#endpoint = endpoint;
  }

  open(stream: Stream): () => void {
    const one = new AbortController();
    const left = AbortSignal.any([this.#all.signal, one.signal]);
    void this.#read(stream, left).then((end) => {
      if (left.aborted) return;
      if (end === "completed") stream.completed();
      else this.#lost(end);
    });
    return () => one.abort();
  }

  close(): void {
    this.#all.abort();
  }

  #lost(loss: Loss): void {
    this.close();
    this.#events.lost(loss);
  }

  async #read(stream: Stream, left: AbortSignal): Promise<End> {
    const silence = new Silence();
    try {
      const response = await this.#ask(stream, AbortSignal.any([left, silence.signal]));
      const type = response.headers.get("Content-Type") ?? "";
      if (response.status === 401) return "signed-out";
      if (!response.ok || response.body === null || !type.startsWith("text/event-stream")) {
        return await this.#refused(stream, response);
      }
      if (!this.#wasOpen) this.#events.opened();
      this.#wasOpen = true;
      return await readBody(stream, response.body, silence);
    } catch {
      return this.#wasOpen ? "dropped" : "refused";
    } finally {
      silence.end();
    }
  }

  #ask(stream: Stream, signal: AbortSignal): Promise<Response> {
    return fetch(this.#endpoint, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
      body: JSON.stringify(payloadOf(stream)),
      signal,
    });
  }

  /** A refusal before the stream began comes as an ordinary answer, and is this stream's alone. */
  async #refused(stream: Stream, response: Response): Promise<End> {
    const answer = readAnswer(await response.text());
    if (answer === null || (answer.errors ?? []).length === 0) return "refused";
    deliver(stream, { errors: answer.errors ?? [] });
    return "completed";
  }
}

async function readBody(stream: Stream, body: ReadableStream<Uint8Array>, silence: Silence): Promise<End> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let waiting = "";
  for (;;) {
    silence.broken();
    const { done, value } = await reader.read();
    if (done) return "resume";
    const { blocks, rest } = takeBlocks(waiting + decoder.decode(value, { stream: true }));
    waiting = rest;
    for (const block of blocks) {
      if (block.event === "complete") return "completed";
      if (block.event === "next") handOver(stream, block);
      if (block.id !== null && block.id !== "") stream.cursor = block.id;
    }
  }
}

function handOver(stream: Stream, block: Block): void {
  const answer = readAnswer(block.data);
  if (answer === null)
    stream.failed(new ApiError("INTERNAL", "The server sent an event that cannot be read."));
  else deliver(stream, answer);
}

class Silence {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly signal = this.#controller.signal;

  broken(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), SILENCE_MS);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
