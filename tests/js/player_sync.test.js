import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chase, sideFor } from "../../web/js/player_sync.js";

describe("a silent track that runs beside the one that is heard", () => {
  test("runs as fast as that where no ear notices the difference", () => {
    for (const ahead of [0, 0.01, -0.01]) assert.equal(chase(ahead), 1);
  });

  test("jumps where it is far away", () => {
    for (const ahead of [0.6, -0.6, 100, -100]) assert.equal(chase(ahead), null);
  });

  test("runs at a rate that a browser plays", () => {
    for (const ahead of [0.5, -0.5]) {
      const rate = chase(ahead) ?? 0;
      assert.ok(rate >= 0.5 && rate <= 1.5, String(rate));
    }
  });

  for (const start of [0.4, 0.1, 0.02, -0.02, -0.1, -0.4])
    test(`is beside it within two seconds, from ${start} s`, () => {
      let ahead = start;
      // A browser tells the position four times a second.
      for (let tick = 0; tick < 8; tick++) ahead += ((chase(ahead) ?? 1) - 1) * 0.25;
      assert.equal(chase(ahead), 1, String(ahead));
    });
});

describe("a track that is picked", () => {
  test("takes the first side that is free", () => {
    assert.equal(sideFor([null, null], "x", 0), 0);
    assert.equal(sideFor(["a", null], "x", 0), 1);
    assert.equal(sideFor([null, "b"], "x", 1), 0);
  });

  test("takes the side that is not heard where both are taken", () => {
    assert.equal(sideFor(["a", "b"], "x", 0), 1);
    assert.equal(sideFor(["a", "b"], "x", 1), 0);
  });

  test("is found on its side", () => {
    assert.equal(sideFor(["a", "b"], "b", 1), 1);
    assert.equal(sideFor(["a", null], "a", 0), 0);
  });
});
