import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { itemsOf, linkOf } from "../../web/js/inputs.js";
import { graphOf, LINK_STORES, nodeOf } from "./graphs.js";

/** @typedef {import("./graphs.js").NodeOptions} NodeOptions */

const MUSIC = "AIGatewayPromptToMusic";
const SOME = { items: [undefined], isWhole: false };

/** @param {unknown[]} items */
const whole = (...items) => ({ items, isWhole: true });

/**
 * The items of `duration` of the music node in a graph.
 *
 * @param {Parameters<typeof graphOf>} graph
 */
function durations(...graph) {
  const root = graphOf(...graph);
  return itemsOf(nodeOf(root, MUSIC), "duration", root);
}

describe("the values of an input", () => {
  test("are its widget's", () => {
    assert.deepEqual(durations([[MUSIC, { values: { take: 2, duration: 30 } }]]), whole(30));
  });

  for (const store of LINK_STORES)
    test(`are a primitive's that is linked (links by ${store})`, () => {
      const nodes = /** @type {Parameters<typeof graphOf>[0]} */ ([
        ["PrimitiveInt", { values: { value: 45 } }],
        [MUSIC, { values: { duration: 30 }, links: { duration: [1] } }],
      ]);
      assert.deepEqual(durations(nodes, { store }), whole(45));
    });

  test("are those of all nodes of a list", () => {
    const values = durations([
      ["PrimitiveInt", { values: { value: 10 } }],
      ["PrimitiveFloat", { values: { value: 20.5 } }],
      ["CreateList", { links: { input0: [1], input1: [2] } }],
      [MUSIC, { links: { duration: [3] } }],
    ]);
    assert.deepEqual(values, whole(10, 20.5));
  });

  test("are not known where another node makes them", () => {
    const graph = durations([["Random"], [MUSIC, { links: { duration: [1] } }]]);
    assert.deepEqual(graph, whole(undefined));
  });

  test("are not known where one of a list is not", () => {
    const values = durations([
      ["PrimitiveInt", { values: { value: 10 } }],
      ["Random"],
      ["CreateList", { links: { input0: [1], input1: [2] } }],
      [MUSIC, { links: { duration: [3] } }],
    ]);
    assert.deepEqual(values, whole(10, undefined));
  });

  const TWO = /** @type {Parameters<typeof graphOf>[0]} */ ([
    ["PrimitiveInt", { values: { value: 10 } }],
    ["CreateList", { links: { input0: [1], input1: [1] } }],
  ]);

  for (const [what, nodeData, expected] of /** @type {const} */ ([
    ["are as many as a node before gets", { output_is_list: [false] }, [2, true]],
    ["are at least one of a list that another node makes", { output_is_list: [true] }, [1, false]],
    ["are one where a node takes its whole list", { is_input_list: true }, [1, true]],
    ["are as many where the node's class is not known", undefined, [2, true]],
  ]))
    test(what, () => {
      const data = nodeData && {
        ...nodeData,
        output_is_list: [...(nodeData.output_is_list ?? [])],
      };
      const { items, isWhole } = durations([
        ...TWO,
        ["Other", { links: { a: [2] }, nodeData: data }],
        [MUSIC, { links: { duration: [3] } }],
      ]);
      assert.deepEqual([items.length, isWhole, items[0]], [...expected, undefined]);
    });

  test("of a list are at least those that are known", () => {
    const values = durations([
      ...TWO,
      ["Lines", { nodeData: { output_is_list: [true] } }],
      ["CreateList", { links: { input0: [2], input1: [3] } }],
      [MUSIC, { links: { duration: [4] } }],
    ]);
    assert.deepEqual(values, { items: [10, 10, undefined], isWhole: false });
  });

  test("are found in many nodes that share their inputs, and in a circle", () => {
    const shared = Array.from({ length: 60 }, (_, index) => [
      "Join",
      { links: { a: [index + 2], b: [index + 2] } },
    ]);
    const chain = /** @type {Parameters<typeof graphOf>[0]} */ ([...TWO, ...shared]);
    const { items } = durations([...chain, [MUSIC, { links: { duration: [62] } }]]);
    assert.equal(items.length, 2);
    const circle = durations([
      ["Join", { links: { a: [1] } }],
      [MUSIC, { links: { duration: [1] } }],
    ]);
    assert.deepEqual(circle, SOME);
  });

  test("are not known where the linked node is missing", () => {
    assert.deepEqual(durations([[MUSIC, { links: { duration: [9] } }]]), SOME);
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
      assert.deepEqual(itemsOf(nodeOf(subgraph, MUSIC), "duration", root), whole(12));
    });

  test("are those of the host that is named, if there are several", () => {
    const subgraph = inner(-10);
    const root = graphOf([
      ["first", { subgraph, values: { length: 12 } }],
      ["second", { subgraph, values: { length: 24 } }],
    ]);
    const hosts = [nodeOf(root, "second")];
    assert.deepEqual(itemsOf(nodeOf(subgraph, MUSIC), "duration", root, hosts), whole(24));
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
    assert.deepEqual(itemsOf(nodeOf(subgraph, MUSIC), "duration", root), whole(77));
    const hosts = [nodeOf(root, "outer"), nodeOf(middle, "inner")];
    assert.deepEqual(itemsOf(nodeOf(subgraph, MUSIC), "duration", root, hosts), whole(77));
  });

  test("are not known where no node stands for the subgraph", () => {
    assert.deepEqual(itemsOf(nodeOf(inner(-10), MUSIC), "duration", graphOf([])), SOME);
  });
});

test("an input without a link has none, be it null or absent", () => {
  const root = graphOf([[MUSIC]]);
  const node = nodeOf(root, MUSIC);
  node.inputs = [{ name: "duration", link: null }, { name: "take" }];
  for (const name of ["duration", "take", "missing"]) assert.equal(linkOf(node, name), undefined);
});
