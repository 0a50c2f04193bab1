import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { linkOf, valuesOf } from "../../web/js/inputs.js";
import { graphOf, LINK_STORES, nodeOf } from "./graphs.js";

/** @typedef {import("./graphs.js").NodeOptions} NodeOptions */

const MUSIC = "AIGatewayPromptToMusic";

/**
 * The values of `duration` of the music node in a graph.
 *
 * @param {Parameters<typeof graphOf>} graph
 */
function durations(...graph) {
  const root = graphOf(...graph);
  return valuesOf(nodeOf(root, MUSIC), "duration", root);
}

describe("the values of an input", () => {
  test("are its widget's", () => {
    assert.deepEqual(durations([[MUSIC, { values: { take: 2, duration: 30 } }]]), [30]);
  });

  for (const store of LINK_STORES)
    test(`are a primitive's that is linked (links by ${store})`, () => {
      const nodes = /** @type {Parameters<typeof graphOf>[0]} */ ([
        ["PrimitiveInt", { values: { value: 45 } }],
        [MUSIC, { values: { duration: 30 }, links: { duration: [1] } }],
      ]);
      assert.deepEqual(durations(nodes, { store }), [45]);
    });

  test("are those of all nodes of a list", () => {
    const values = durations([
      ["PrimitiveInt", { values: { value: 10 } }],
      ["PrimitiveFloat", { values: { value: 20.5 } }],
      ["CreateList", { links: { input0: [1], input1: [2] } }],
      [MUSIC, { links: { duration: [3] } }],
    ]);
    assert.deepEqual(values, [10, 20.5]);
  });

  test("are not known where another node makes them", () => {
    assert.equal(durations([["Random"], [MUSIC, { links: { duration: [1] } }]]), null);
  });

  test("are not known where one of a list is not", () => {
    const values = durations([
      ["PrimitiveInt", { values: { value: 10 } }],
      ["Random"],
      ["CreateList", { links: { input0: [1], input1: [2] } }],
      [MUSIC, { links: { duration: [3] } }],
    ]);
    assert.equal(values, null);
  });

  test("are not known where the linked node is missing", () => {
    assert.equal(durations([[MUSIC, { links: { duration: [9] } }]]), null);
  });
});

describe("the values of an input in a subgraph", () => {
  /** @param {number | string} id of the node that stands for the subgraph's inputs */
  const inner = (id) =>
    graphOf([[MUSIC, { links: { duration: [id, 1] } }]], { inputs: ["prompt", "length"] });

  for (const id of [-10, "-10"])
    test(`are those of its host (id ${JSON.stringify(id)})`, () => {
      const subgraph = inner(id);
      const root = graphOf([["uuid", { subgraph, values: { prompt: "calm", length: 12 } }]]);
      assert.deepEqual(valuesOf(nodeOf(subgraph, MUSIC), "duration", root), [12]);
    });

  test("are those of the host that is named, if there are several", () => {
    const subgraph = inner(-10);
    const root = graphOf([
      ["first", { subgraph, values: { length: 12 } }],
      ["second", { subgraph, values: { length: 24 } }],
    ]);
    const hosts = [nodeOf(root, "second")];
    assert.deepEqual(valuesOf(nodeOf(subgraph, MUSIC), "duration", root, hosts), [24]);
  });

  test("come through several subgraphs and from a node outside", () => {
    const subgraph = inner(-10);
    const middle = graphOf([["inner", { subgraph, links: { length: [-10] } }]], {
      inputs: ["seconds"],
    });
    const root = graphOf([
      ["PrimitiveInt", { values: { value: 77 } }],
      ["outer", { subgraph: middle, links: { seconds: [1] } }],
    ]);
    assert.deepEqual(valuesOf(nodeOf(subgraph, MUSIC), "duration", root), [77]);
    const hosts = [nodeOf(root, "outer"), nodeOf(middle, "inner")];
    assert.deepEqual(valuesOf(nodeOf(subgraph, MUSIC), "duration", root, hosts), [77]);
  });

  test("are not known where no node stands for the subgraph", () => {
    assert.equal(valuesOf(nodeOf(inner(-10), MUSIC), "duration", graphOf([])), null);
  });
});

test("an input without a link has none, be it null or absent", () => {
  const root = graphOf([[MUSIC]]);
  const node = nodeOf(root, MUSIC);
  node.inputs = [{ name: "duration", link: null }, { name: "take" }];
  for (const name of ["duration", "take", "missing"]) assert.equal(linkOf(node, name), undefined);
});
