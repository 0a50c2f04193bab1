import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { soundOfSeam } from "../../web/js/seam_sound.js";

const RATE = 1000;

/** A file of ten seconds whose samples are their own places, from 1 on. */
const file = Float32Array.from({ length: 10 * RATE }, (_, index) => index + 1);

describe("the sound of a seam", () => {
  for (const [name, seam, leave, enter] of /** @type {[string, Seam, number, number][]} */ ([
    ["a loop's end into its start", [8, 3], 8000, 3000],
    ["a join", [5.5, 5.5], 5500, 5500],
    ["the end of the file into its beginning", [10, 0], 10_000, 0],
    ["an end beyond the file", [10.2, 0], 10_000, 0],
  ]))
    test(`has two seconds on each side: ${name}`, () => {
      const heard = soundOfSeam(file, RATE, seam);
      assert.equal(heard.length, 4400);
      assert.equal(heard[1999], leave, "the last sample before the seam");
      assert.equal(heard[2000], enter + 1, "the first sample after it");
      assert.equal(heard[1000], leave - 999);
      assert.equal(heard[3000], enter + 1001);
    });

  test("is silent between two times, without a click", () => {
    const heard = soundOfSeam(file, RATE, [8, 3]);
    assert.deepEqual([...heard.subarray(4000)], Array(400).fill(0));
    assert.equal(heard[0], 0);
    assert.equal(heard[3999], 0);
  });

  test("of a short loop has what there is", () => {
    const heard = soundOfSeam(file.subarray(0, 1500), RATE, [1.5, 1]);
    assert.equal(heard.length, 1500 + 500 + 400);
    assert.equal(heard[1500], 1001);
  });

  test("of an empty file is the pause", () => {
    assert.equal(soundOfSeam(new Float32Array(0), RATE, [0, 0]).length, 400);
  });
});
