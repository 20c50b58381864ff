// graphql-ws with ws, as its documents advise: a subscription over Valkey's pub/sub, one execution a subscriber.

import { createServer } from "node:http";

import { GraphQLSchema, GraphQLObjectType, GraphQLString, GraphQLInt, GraphQLNonNull } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { Redis } from "ioredis";
import { WebSocketServer } from "ws";

class Following {
  // One queue a subscriber, as a PubSub of the documents has it.
  constructor(room) {
    this.room = room;
    this.waiting = [];
    this.told = [];
    room.add(this);
  }
  push(value) {
    const taker = this.waiting.shift();
    if (taker) taker({ value, done: false });
    else this.told.push(value);
  }
  next() {
    if (this.told.length) return Promise.resolve({ value: this.told.shift(), done: false });
    return new Promise((taker) => this.waiting.push(taker));
  }
  return() {
    this.room.delete(this);
    for (const taker of this.waiting) taker({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  }
  [Symbol.asyncIterator]() {
    return this;
  }
}

const room = new Set();
const text = { type: new GraphQLNonNull(GraphQLString) };
const number = { type: new GraphQLNonNull(GraphQLInt) };
const Actor = new GraphQLObjectType({ name: "Actor", fields: { id: text, displayName: text } });
const Progress = new GraphQLObjectType({
  name: "Progress",
  fields: { seq: number, pct: number, message: text, actor: { type: new GraphQLNonNull(Actor) } },
});
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { seq: number } }),
  subscription: new GraphQLObjectType({
    name: "Subscription",
    fields: {
      progress: {
        type: new GraphQLNonNull(Progress),
        subscribe: () => new Following(room),
        resolve: (event) => event,
      },
    },
  }),
});

const bus = new Redis(process.env.REDIS_URL);
bus.on("message", (_, message) => {
  const event = JSON.parse(message);
  for (const one of room) one.push(event);
});
await bus.subscribe("bench");

const server = createServer();
useServer({ schema }, new WebSocketServer({ server, path: "/graphql", perMessageDeflate: false }));
server.listen(Number(process.env.PORT), "127.0.0.1");
