import { expect, test } from "vitest";
import { linkIn } from "./link";

const TOKEN = "k3J_-".repeat(9);

test("a mailed link says what it is for and bears its token", () => {
  expect(linkIn(`#reset=${TOKEN}`)).toEqual({ kind: "reset", token: TOKEN });
  expect(linkIn(`#invitation=${TOKEN}`)).toEqual({ kind: "invitation", token: TOKEN });
});

test.each(["", "#", "#06-assets-and-columns", "#reset=", "#reset=short", `#other=${TOKEN}`, `#reset=${TOKEN}&x`])(
  "%s is no such link",
  (fragment) => {
    expect(linkIn(fragment)).toBeNull();
  },
);
