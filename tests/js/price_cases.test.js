import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { BUYERS, bodyOf, isInRun, priceRequest } from "../../web/js/price_request.js";
import { hostedNodesOf, nodesOf } from "../../web/js/subgraphs.js";
import { graphOf } from "./graphs.js";

/**
 * A node of a case, as ComfyUI's API format has it; what only the canvas knows is beside it.
 *
 * @typedef {object} CaseNode
 * @property {string} class_type
 * @property {Record<string, unknown>} inputs values, and links as `[id, slot]`
 * @property {number} [mode]
 * @property {string} [control] of `take` after each run
 * @property {CaseGraph} [subgraph]
 */
/** @typedef {{nodes: Record<string, CaseNode>, inputs?: string[], outputs?: [string, number][]}} CaseGraph */

const FOLDER = new URL("../price_cases/", import.meta.url);
/** @param {string} name */
const read = (name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
/** @type {{classes: Record<string, object>, inputs: Record<string, unknown>}} */
const SETUP = read("setup.json");

/**
 * A question with the inputs that a case leaves out; with a prompt of null, of the model alone.
 *
 * @param {Record<string, unknown>} given
 */
function wholeAsk(given) {
  const { prompt, duration, model, ...others } = { ...SETUP.inputs, ...given };
  const { count = 1, takes = 1, runs } = given;
  const asked = { duration, model, count, takes, ...(runs ? { runs } : {}) };
  return prompt === null ? asked : { ...asked, ...others, prompt };
}

/**
 * The canvas's graph of a case.
 *
 * @param {CaseGraph} graph
 */
function canvasOf({ nodes, inputs = [], outputs = [] }) {
  const isLink = (/** @type {unknown} */ value) => Array.isArray(value);
  const linked = new Set(
    Object.values(nodes).flatMap((node) =>
      Object.values(node.inputs).flatMap((value) => (isLink(value) ? [String(value[0])] : [])),
    ),
  );
  for (const [id] of outputs) linked.add(id);
  const made = graphOf(
    Object.entries(nodes).map(([id, node]) => {
      const isBuyer = BUYERS.includes(node.class_type);
      const given = Object.entries({ ...(isBuyer && SETUP.inputs), ...node.inputs });
      return [
        node.class_type,
        {
          id,
          // An input that is linked keeps its widget.
          values: Object.fromEntries(
            given.map(([name, value]) => [name, isLink(value) ? undefined : value]),
          ),
          links: Object.fromEntries(
            /** @type {any} */ (given.filter(([, value]) => isLink(value))),
          ),
          nodeData: SETUP.classes[node.class_type],
          subgraph: node.subgraph && canvasOf(node.subgraph),
        },
      ];
    }),
    { inputs, outputs },
  );
  for (const node of nodesOf(made)) {
    const { mode, control } = /** @type {CaseNode} */ (nodes[String(node.id)]);
    node.mode = mode;
    node.outputs = [{ links: linked.has(String(node.id)) ? [1] : [] }];
    const take = node.widgets?.find(({ name }) => name === "take");
    if (take && control) take.linkedWidgets = [{ name: "control_after_generate", value: control }];
  }
  return made;
}

for (const file of readdirSync(FOLDER).filter((name) => name !== "setup.json"))
  describe(`the price of a graph with ${file.replace(".json", "").replaceAll("_", " ")}`, () => {
    for (const { says, prompt, canvas, batch_count: batchCount = 1, asks, at_least } of read(file))
      test(says, () => {
        const root = canvasOf(canvas ?? { nodes: prompt });
        const asked = nodesOf(root)
          .flatMap((node) => hostedNodesOf(node, BUYERS))
          .filter((hosted) => isInRun(hosted, root))
          .map((hosted) => priceRequest(hosted, root, batchCount));
        const bodies = asked.map((each) => ({
          ...bodyOf(each),
          ...(each.runs > 1 && { runs: each.runs }),
        }));
        assert.deepEqual(bodies, asks.map(wholeAsk));
        const isWhole = asked.every((each) => each.isCountWhole && each.isDurationKnown);
        assert.equal(isWhole, !at_least);
      });
  });
