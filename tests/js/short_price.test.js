import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { shortCost, shortEstimate, shortOfModel } from "../../web/js/price_text.js";
import { speak } from "./language.js";
import { trackOf } from "./tracks.js";

speak("en");

const ASKED = {
  request: {},
  duration: 30,
  isDurationKnown: true,
  isKept: false,
  count: 1,
  takes: 1,
  isCountWhole: true,
  isNewEachRun: false,
  runs: 1,
};
const PRICE = {
  free: false,
  forced: "",
  bought: false,
  each: 0.006,
  at_most: false,
  total: 0.006,
  tracks: 1,
  hints: [],
  uncertain: [],
  refused: null,
};

describe("the price in a title", () => {
  /**
   * @param {Partial<Price>} price
   * @param {Partial<typeof ASKED>} [asked]
   */
  const shown = (price, asked) => shortEstimate({ ...PRICE, ...price }, { ...ASKED, ...asked });

  test("is the amount of the run", () => {
    assert.equal(shown({}), "$0.006");
    assert.equal(shown({ total: 0.036, tracks: 3 }, { runs: 2 }), "$0.036");
    assert.equal(shown({ bought: true, total: 0, tracks: 0 }), "$0.00");
  });

  test("bounds what is not known wholly", () => {
    assert.equal(shown({ at_most: true }), "≤ $0.006");
    assert.equal(shown({}, { isCountWhole: false }), "≥ $0.006");
    assert.equal(shown({ at_most: true }, { isCountWhole: false }), "≈ $0.006");
  });

  test("is the price of a second where the duration is not known", () => {
    const asked = { duration: 10, isDurationKnown: false };
    assert.equal(shown({ each: 0.002, total: 0.002 }, asked), "$0.0002/s");
    assert.equal(shown({ each: 8, total: 8, at_most: true }, asked), "≤ $0.80/s");
  });

  test("does not confuse free, unknown and uncertain", () => {
    assert.equal(shown({ free: true, each: 0, total: 0 }, { isDurationKnown: false }), "$0.00");
    assert.equal(shown({ each: null, total: null }), "?");
    assert.equal(shown({ uncertain: ["l7"] }), "$0.006 ?");
  });

  test("has a check mark once all tracks are paid", () => {
    const [done, other] = [trackOf({ state: "completed" }), trackOf({ state: "running" })];
    assert.equal(shortCost([done, done]), "✓ $0.012");
    assert.equal(shortCost([done, other]), "$0.012");
    assert.equal(
      shortCost([done, trackOf({ state: "failed", is_dead: true, charge: 0 })]),
      "✓ $0.006",
    );
    assert.equal(shortCost([done, trackOf({ state: "uncertain" })]), "≤ $0.012 ?");
  });
});

describe("the price behind a model", () => {
  test("is that of a track, or of a second where the duration is not known", () => {
    assert.equal(shortOfModel({ each: 0.006, at_most: false }, 30, true), "$0.006");
    assert.equal(shortOfModel({ each: 0.002, at_most: false }, 10, false), "$0.0002/s");
  });

  test("says where it is the most, and where nobody knows", () => {
    assert.equal(shortOfModel({ each: 24, at_most: true }, 30, true), "≤ $24.00");
    assert.equal(shortOfModel({ each: null, at_most: false }, 30, true), "?");
  });

  test("gives the lengths of a model that makes others, and marks sound effects", () => {
    /** @type {ModelPrice} */
    const music = { each: null, at_most: false, lengths: [5, 240] };
    assert.equal(shortOfModel(music, 2, true), "5–240 s");
    /** @type {ModelPrice} */
    const sounds = { each: 0.002, at_most: true, sounds: true };
    assert.equal(shortOfModel(sounds, 2, true), "sounds · ≤ $0.002");
  });
});
