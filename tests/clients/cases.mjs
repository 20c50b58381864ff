/** Cases of one program, run one after the other, each told as a line of JSON; and what they all need. */
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";

export const given = JSON.parse(process.argv[2]);

const PATIENCE_MS = 120_000;
const cases = [];

export function test(name, work) {
  cases.push({ name, work });
}

export async function run() {
  say({ cases: cases.length });
  for (const { name, work } of cases) say({ case: name, problem: await problemOf(work) });
  process.exit(0);
}

async function problemOf(work) {
  const ends = [];
  try {
    await inTime(work((end) => ends.push(end)));
    return null;
  } catch (problem) {
    return problem instanceof Error ? problem.stack : `thrown: ${JSON.stringify(problem)}`;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** The promise, or a failure where it never settles. */
export async function inTime(promise, what = "the case") {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what} did not come to its end`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function say(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Something that only the test can do. */
export async function ask(what, about = null) {
  say({ ask: what, given: about });
  return JSON.parse((await answers.next()).value);
}

/** The clock by which open connections see their sessions end goes so many seconds ahead of everybody else's. */
export const setClock = (ahead) => ask("set the clock", ahead);

/** What comes is kept until somebody waits for it. */
export class Inbox {
  #kept = [];
  #waiting = [];

  put = (thing) => {
    const waits = this.#waiting.shift();
    if (waits) waits(thing);
    else this.#kept.push(thing);
  };

  get(what = "what was waited for") {
    if (this.#kept.length > 0) return Promise.resolve(this.#kept.shift());
    return inTime(new Promise((come) => this.#waiting.push(come)), what);
  }

  /** The first for which it holds; what came before is passed over. */
  async until(holds, what) {
    for (;;) {
      const thing = await this.get(what);
      if (holds(thing)) return thing;
    }
  }

  get empty() {
    return this.#kept.length === 0;
  }
}

/** An operation over plain HTTP: its data. */
export async function data(query, variables = {}, token = given.token) {
  const answer = await fetch(given.url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const told = await answer.json();
  if (told.errors) throw new Error(JSON.stringify(told.errors));
  return told.data;
}

export async function cursor() {
  return (await data("{ cursor }")).cursor;
}

export const CREATE = `mutation ($name: String!) {
  createDataSource(input: { name: $name, config: { sqlite: { path: "library.db" } } }) {
    errors { __typename code message path }
    dataSource { id name version }
  }
}`;

/** With the sources that are made while it is open, by name. */
export const SOURCES = `subscription Sources($after: Cursor) {
  dataSourceChanged(after: $after) { cursor replayed event { type } dataSource { name } }
}`;

let made = 0;

/** A source nobody has: its name. */
export async function makeSource() {
  const name = `Source ${process.pid}-${++made}`;
  const { createDataSource: payload } = await data(CREATE, { name });
  if (payload.errors.length > 0) throw new Error(payload.errors[0].message);
  return name;
}

export function nameIn(result) {
  return result.data.dataSourceChanged.dataSource.name;
}

export function cursorIn(result) {
  return result.data.dataSourceChanged.cursor;
}

/** A way to the server that can be cut, as by a network that goes away. */
export class Cuttable {
  #pairs = new Set();
  #server = net.createServer((near) => this.#join(near));
  opened = 0;

  static async to(url) {
    const way = new Cuttable();
    const { hostname, port } = new URL(url);
    way.there = { host: hostname, port: Number(port) };
    way.#server.listen(0, "127.0.0.1");
    await once(way.#server, "listening");
    const near = new URL(url);
    near.port = way.#server.address().port;
    way.url = near.href;
    return way;
  }

  #join(near) {
    const far = net.connect(this.there);
    this.opened += 1;
    const pair = [near, far];
    this.#pairs.add(pair);
    for (const end of pair) {
      end.on("error", () => undefined);
      end.on("close", () => this.#cut(pair));
    }
    near.pipe(far).pipe(near);
  }

  #cut(pair) {
    this.#pairs.delete(pair);
    for (const end of pair) end.destroy();
  }

  cut() {
    for (const pair of [...this.#pairs]) this.#cut(pair);
  }

  close() {
    this.cut();
    this.#server.close();
  }
}

export const socketUrl = (url) => url.replace(/^http/, "ws");
