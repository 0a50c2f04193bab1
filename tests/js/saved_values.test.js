import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { alignValues, noteControl } from "../../web/js/saved_graphs.js";

const TYPE = "AIGatewayPromptToMusic";

/** @param {boolean} hasControl */
const comfyUI = (hasControl) =>
  noteControl({
    name: TYPE,
    input: {
      required: {
        prompt: ["STRING"],
        job: ["AIGATEWAY_JOB"],
        format: [["mp3", "wav"]],
        take: ["INT", hasControl ? { control_after_generate: "fixed" } : {}],
      },
      optional: { words: ["COMBO", {}] },
    },
  });

/**
 * What a node gets of saved values, which stay as they are.
 *
 * @param {unknown} values
 */
const aligned = (values, type = TYPE) => {
  /** @type {unknown} */
  let got;
  const node = {
    comfyClass: type,
    configure: (/** @type {import("../../../scripts/app.js").SavedNode} */ saved) => {
      got = saved.widgets_values;
    },
  };
  alignValues(node);
  const before = structuredClone(values);
  node.configure({ type, widgets_values: values });
  assert.deepEqual(values, before);
  return got;
};

for (const control of ["fixed", "increment", "decrement", "randomize"])
  describe(`values saved with ${control} behind the take`, () => {
    const saved = () => ["piano", "mp3", 3, control, "instrumental"];

    test("lose it where ComfyUI has no such widget", () => {
      comfyUI(false);
      assert.deepEqual(aligned(saved()), ["piano", "mp3", 3, "instrumental"]);
    });

    test("keep it where ComfyUI has it", () => {
      comfyUI(true);
      assert.deepEqual(aligned(saved()), saved());
    });
  });

describe("values saved without a word behind the take", () => {
  test("get one where ComfyUI has the widget", () => {
    comfyUI(true);
    const values = aligned(["piano", "mp3", 3, "instrumental"]);
    assert.deepEqual(values, ["piano", "mp3", 3, "fixed", "instrumental"]);
  });

  for (const hasControl of [true, false])
    test(`of an older pack stay as they are, control ${hasControl}`, () => {
      comfyUI(hasControl);
      assert.deepEqual(aligned(["piano", "mp3", 3]), ["piano", "mp3", 3]);
    });
});

describe("values that are none of ours", () => {
  beforeEach(() => comfyUI(false));
  for (const values of [undefined, null, {}, []])
    test(`${JSON.stringify(values)} stay as they are`, () => {
      assert.deepEqual(aligned(values), values);
    });

  test("of another node stay as they are", () => {
    const values = ["piano", "mp3", 3, "fixed", "instrumental"];
    assert.deepEqual(aligned(values, "Another"), values);
  });
});
