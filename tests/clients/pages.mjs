/** What `docs/clients` shows for JavaScript, run as it stands there: every page offers the same four functions. */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";
import { data, given, Inbox, makeSource, run, setClock, test } from "./cases.mjs";

globalThis.WebSocket ??= WebSocket;

async function page(name) {
  const file = (module) => import(pathToFileURL(`${given.folder}/${name}/${module}.js`));
  const [session, { socket }, sources] = [await file("session"), await file("socket"), await file("sources")];
  await session.signIn(given.email, given.password);
  return { session, socket, ...sources };
}

/** The page's stream: what changed, or why it failed. */
function following(follow, after) {
  const inbox = new Inbox();
  const stop = follow(after, {
    changed: (change) => inbox.put({ change }),
    failed: (problem) => inbox.put({ problem }),
  });
  return {
    stop,
    inbox,
    async next() {
      const { change, problem } = await inbox.get("a change");
      if (problem) throw problem;
      return change;
    },
  };
}

async function ownSource({ sources }) {
  const name = await makeSource();
  return (await sources()).sources.find((source) => source.name === name);
}

for (const name of given.pages) {
  const opened = page(name);
  opened.catch(() => undefined); // each case tells of it

  test(`${name}: a query gives sources, and the cursor they are true at`, async () => {
    const { sources } = await opened;
    const made = await makeSource();
    const answer = await sources();
    assert.ok(answer.cursor);
    assert.ok(answer.sources.some((source) => source.name === made && source.version >= 1));
  });

  test(`${name}: a mutation changes, and tells its typed errors`, async () => {
    const { rename, ...rest } = await opened;
    const [source, other] = [await ownSource(rest), await ownSource(rest)];
    const renamed = await rename(source, `${source.name} renamed`);
    assert.deepEqual(renamed.errors, []);
    assert.equal(renamed.dataSource.name, `${source.name} renamed`);
    const [stale] = (await rename(source, "again")).errors;
    assert.deepEqual(
      [stale.__typename, stale.code, stale.currentVersion],
      ["ConflictError", "STALE_VERSION", renamed.dataSource.version],
    );
    const [taken] = (await rename(other, `${source.name} renamed`)).errors;
    assert.deepEqual([taken.__typename, taken.code], ["InputError", "ALREADY_EXISTS"]);
  });

  test(`${name}: a stream resumes after every cut, nothing lost and nothing twice`, async (atEnd) => {
    const { follow, sources, socket } = await opened;
    const closed = new Inbox();
    atEnd(socket.on("closed", closed.put));
    const stream = following(follow, (await sources()).cursor);
    const names = [];
    for (let cut = 0; cut < 3; cut += 1) {
      names.push(await makeSource());
      assert.equal((await stream.next()).dataSource.name, names.at(-1));
      socket.terminate();
      await closed.get("the close");
      names.push(await makeSource(), await makeSource());
      assert.equal((await stream.next()).dataSource.name, names.at(-2));
      assert.equal((await stream.next()).dataSource.name, names.at(-1));
    }
    stream.stop();
    assert.ok(stream.inbox.empty);
  });

  test(`${name}: the session is renewed in the open connection`, async (atEnd) => {
    const { follow, sources, socket } = await opened;
    const [pings, closed] = [new Inbox(), new Inbox()];
    const stream = following(follow, (await sources()).cursor);
    await makeSource();
    await stream.next();
    atEnd(() => setClock(0));
    atEnd(socket.on("ping", (received, told) => received && pings.put(told)));
    atEnd(socket.on("closed", closed.put));
    await setClock(400);
    await pings.until((told) => told.expiresAt, "a ping that tells of the end");
    await pings.until((told) => !told.expiresAt, "a ping that tells of none");
    await setClock(0);
    const made = await makeSource();
    assert.equal((await stream.next()).dataSource.name, made);
    stream.stop();
    assert.ok(closed.empty || (await closed.get()).code === 1000);
  });

  test(`${name}: a stream whose token ran out goes on with a new one`, async (atEnd) => {
    const { follow, sources, socket } = await opened;
    const closed = new Inbox();
    atEnd(socket.on("closed", closed.put));
    atEnd(() => setClock(0));
    const stream = following(follow, (await sources()).cursor);
    const before = await makeSource();
    assert.equal((await stream.next()).dataSource.name, before);
    await setClock(1_000);
    await closed.until(({ code }) => code === 4403, "the close");
    await setClock(0);
    const made = await makeSource();
    assert.equal((await stream.next()).dataSource.name, made);
    stream.stop();
  });

  test(`${name}: a session that was ended fails the stream, and asks for the password`, async () => {
    const { follow, session, sources } = await opened;
    const stream = following(follow, (await sources()).cursor);
    await makeSource();
    await stream.next();
    const [, token] = (await session.authorization()).split(" ");
    await data("mutation { endSession { errors { message } } }", {}, token);
    const { problem } = await stream.inbox.get("the failure");
    const cause = [problem, problem?.networkError, problem?.cause].find((each) => each instanceof session.SignedOut);
    assert.ok(cause, `failed with ${problem}`);
  });
}

await run();
