import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { changesEachRun } from "../../web/js/inputs.js";
import { graphOf, nodeOf } from "./graphs.js";

/** @typedef {import("./graphs.js").NodeOptions} NodeOptions */

const MUSIC = "AIGatewayPromptToMusic";
/** The id of the node that stands for a subgraph's inputs. */
const OUTSIDE = -10;

/**
 * @param {Graph} graph
 * @param {string} comfyClass
 * @param {string} name
 * @param {string} value what happens after each run
 */
function control(graph, comfyClass, name, value) {
  const widget = nodeOf(graph, comfyClass).widgets?.find((each) => each.name === name);
  if (widget) widget.linkedWidgets = [{ name: "control_after_generate", value }];
}

/** @param {NodeOptions["links"]} [links] */
const music = (links) =>
  /** @type {[string, NodeOptions]} */ ([MUSIC, { id: 9, values: { take: 1 }, links }]);

describe("an input changes with each run", () => {
  for (const [value, changes] of /** @type {const} */ ([
    ["increment", true],
    ["decrement", true],
    ["randomize", true],
    ["fixed", false],
  ]))
    test(`as its control says: ${value}`, () => {
      const root = graphOf([music()]);
      control(root, MUSIC, "take", value);
      assert.equal(changesEachRun(nodeOf(root, MUSIC), "take", root, []), changes);
    });

  test("not without a control", () => {
    const root = graphOf([music()]);
    assert.equal(changesEachRun(nodeOf(root, MUSIC), "take", root, []), false);
    assert.equal(changesEachRun(nodeOf(root, MUSIC), "no such input", root, []), false);
  });

  test("where it comes from a primitive that does", () => {
    const root = graphOf([["PrimitiveInt", { values: { value: 5 } }], music({ take: [1] })]);
    // What is linked has another value than the widget shows.
    control(root, MUSIC, "take", "increment");
    assert.equal(changesEachRun(nodeOf(root, MUSIC), "take", root, []), false);
    control(root, "PrimitiveInt", "value", "increment");
    assert.equal(changesEachRun(nodeOf(root, MUSIC), "take", root, []), true);
  });

  test("not where only the run decides it", () => {
    const root = graphOf([["SomeNode", { values: { value: 5 } }], music({ take: [1] })]);
    control(root, "SomeNode", "value", "increment");
    assert.equal(changesEachRun(nodeOf(root, MUSIC), "take", root, []), false);
  });

  test("not where nodes are linked in a circle", () => {
    const root = graphOf([
      ["PrimitiveInt", { id: 1, values: { value: 5 }, links: { value: [2] } }],
      ["PrimitiveFloat", { id: 2, values: { value: 5 }, links: { value: [1] } }],
      music({ take: [1] }),
    ]);
    assert.equal(changesEachRun(nodeOf(root, MUSIC), "take", root, []), false);
  });

  describe("in a subgraph", () => {
    /** @param {NodeOptions["links"]} [links] of the subgraph's node */
    function nested(links) {
      const inner = graphOf([music({ take: [OUTSIDE, 0] })], { inputs: ["the take"] });
      const host = { id: 3, subgraph: inner, values: { "the take": 7 }, links };
      const root = graphOf([
        ["PrimitiveInt", { id: 1, values: { value: 5 } }],
        ["Host", host],
      ]);
      return { root, inner };
    }

    test("by the control within, where the value is set outside", () => {
      const { root, inner } = nested();
      const changes = () => changesEachRun(nodeOf(inner, MUSIC), "take", root, []);
      assert.equal(changes(), false);
      control(inner, MUSIC, "take", "randomize");
      assert.equal(changes(), true);
      const hosts = [nodeOf(root, "Host")];
      assert.equal(changesEachRun(nodeOf(inner, MUSIC), "take", root, hosts), true);
    });

    test("by what the subgraph's node gets, where it is linked", () => {
      const { root, inner } = nested({ "the take": [1] });
      control(inner, MUSIC, "take", "randomize");
      const changes = () => changesEachRun(nodeOf(inner, MUSIC), "take", root, []);
      assert.equal(changes(), false);
      control(root, "PrimitiveInt", "value", "increment");
      assert.equal(changes(), true);
    });
  });
});
