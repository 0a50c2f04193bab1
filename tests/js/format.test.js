import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { age, dollars, length, say, useWords } from "../../web/js/words.js";
import { speak } from "./language.js";

beforeEach(() => speak("en"));

for (const [amount, text] of /** @type {const} */ ([
  [0, "$0.00"],
  [24, "$24.00"],
  [0.1, "$0.10"],
  [0.048, "$0.048"],
  [0.0002, "$0.0002"],
  [0.00123456, "$0.0012"],
  [0.00002, "$0.00002"],
  [0.000000126, "$0.00000013"],
]))
  test(`${amount} US dollars are written ${text}`, () => {
    assert.equal(dollars(amount), text);
  });

test("a duration is written in minutes and seconds", () => {
  assert.deepEqual([0, 7, 59.6, 185, 3600].map(length), ["0:00", "0:07", "1:00", "3:05", "60:00"]);
});

test("an age is rounded down", () => {
  const ages = [-5, 59, 60, 3599, 3600, 86399, 86400, 40 * 86400].map(age);
  assert.deepEqual(ages, [
    "just now",
    "just now",
    "1 min ago",
    "59 min ago",
    "1 h ago",
    "23 h ago",
    "1 d ago",
    "40 d ago",
  ]);
});

test("words are filled in, and what is missing shows its key", () => {
  useWords({ greet: "Hello {name}, {n} of {n}", empty: "[{missing}]" });
  assert.equal(say("greet", { name: "you", n: 0 }), "Hello you, 0 of 0");
  assert.equal(say("empty"), "[]");
  assert.equal(say("unknown_key"), "unknown_key");
});
