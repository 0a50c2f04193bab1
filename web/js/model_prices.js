import { widgetsOf } from "./inputs.js";
import { labelValues } from "./labelled_list.js";
import { SOME_SECONDS } from "./price_request.js";
import { ask } from "./server.js";
import { shortOfModel } from "./short_price.js";

/** @typedef {import("./comfy.js").GraphNode} GraphNode */
/** @typedef {import("./price_request.js").PriceRequest} PriceRequest */
/** @typedef {{free: boolean, models: Record<string, import("./server.js").ModelPrice>}} Answer */

/** The texts behind the models. @type {WeakMap<GraphNode, Record<string, string>>} */
const shown = new WeakMap();
/** @type {WeakSet<import("./comfy.js").Widget>} */
const labelled = new WeakSet();
/** What the server said, by the duration. @type {Map<number, Promise<Answer>>} */
const answers = new Map();

/** Ask again: what was bought since may have taught other prices. */
export const forgetModelPrices = () => answers.clear();

/**
 * Show behind each model in a node's list what a track costs with it. The value of the list stays
 * the name of the model.
 *
 * @param {GraphNode} node
 * @param {GraphNode[]} hosts
 * @param {PriceRequest} asked
 */
export async function priceModels(node, hosts, asked) {
  const longest = Math.max(...[asked.duration].flat().map(Number));
  // The rows of a table have lengths that only the server reads.
  const isKnown = asked.isDurationKnown && Number.isFinite(longest);
  const texts = await textsFor(isKnown ? longest : SOME_SECONDS, isKnown);
  const unlabelled = widgetsOf(node, "model", hosts).filter((list) => !labelled.has(list));
  if (!unlabelled.length && JSON.stringify(texts) === JSON.stringify(shown.get(node))) return;
  shown.set(node, texts);
  for (const list of unlabelled) {
    labelled.add(list);
    labelValues(list, (model) => {
      const price = shown.get(node)?.[model];
      return price ? `${model} · ${price}` : model;
    });
  }
  for (const each of [node, ...hosts]) drawAgain(each);
}

/**
 * @param {number} duration in seconds
 * @param {boolean} isKnown if not, `duration` is some duration to find the price of a second with
 * @returns {Promise<Record<string, string>>} by the model; none where nothing costs anything
 */
async function textsFor(duration, isKnown) {
  try {
    const answer = answers.get(duration) ?? ask("model-prices", { query: { duration } });
    answers.set(duration, answer);
    const { free, models } = await answer;
    if (free) return {};
    const priced = Object.entries(models).map(([model, price]) => [
      model,
      shortOfModel(price, duration, isKnown),
    ]);
    return Object.fromEntries(priced);
  } catch {
    // The price line says what is wrong.
    answers.delete(duration);
    return {};
  }
}

/**
 * Draw the widgets of a node again. Nodes 2.0 does so when it hears that a property has changed.
 *
 * @param {GraphNode} node
 */
function drawAgain(node) {
  const { badges } = node;
  const change = { nodeId: node.id, property: "badges", oldValue: badges, newValue: badges };
  node.graph?.trigger?.("node:property:changed", { type: "node:property:changed", ...change });
  node.setDirtyCanvas?.(true);
}
