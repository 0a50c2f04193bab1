import { widgetsOf } from "./inputs.js";
import { SOME_SECONDS } from "./price_request.js";
import { shortOfModel } from "./price_text.js";
import { ask } from "./server.js";

/** @typedef {{free: boolean, models: Record<string, ModelPrice>}} Answer */

/** The price texts after the names of models. @type {WeakMap<GraphNode, Record<string, string>>} */
const shown = new WeakMap();
/** @type {WeakSet<NodeWidget>} */
const labelled = new WeakSet();
/** The server's answers by the duration. @type {Map<number, Promise<Answer>>} */
const answers = new Map();

/** Ask again: a purchase may have taught the ledger another price. */
export const forgetModelPrices = () => answers.clear();

/**
 * Show the price of a track after each model in a node's list. The value of the list stays the name
 * of the model.
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
 * @returns {Promise<Record<string, string>>} by the model; empty in the sandbox
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
    // The price line shows the fault.
    answers.delete(duration);
    return {};
  }
}

/**
 * Draw the widgets of a node again. Nodes 2.0 does so when it hears that a property has changed.
 * @param {GraphNode} node
 */
function drawAgain(node) {
  const { badges } = node;
  const change = { nodeId: node.id, property: "badges", oldValue: badges, newValue: badges };
  node.graph?.trigger?.("node:property:changed", { type: "node:property:changed", ...change });
  node.setDirtyCanvas?.(true);
}

/** The arrows at both ends of a list's field, in pixels of the graph. */
const ARROW = 40;

/**
 * Let a list show a label for each of its values. The value that is chosen and saved stays as it is.
 * @param {NodeWidget} widget
 * @param {(value: string) => string} labelOf
 */
export function labelValues(widget, labelOf) {
  if (!widget.options) return;
  widget.options.getOptionLabel = (value) => labelOf(value ?? "");
  // The menu that the classic canvas makes of labels has no field to search in, and shows few of
  // them near the lower edge of the window. Its menu of plain texts has neither fault.
  widget.onPointerDown = (pointer, node, canvas) => {
    const values = widget.options?.values;
    if (!Array.isArray(values) || isOnArrow(widget, node, canvas)) return false;
    pointer.onClick = (event) => {
      const labels = values.map((value) => labelOf(String(value)));
      new window.LiteGraph.ContextMenu(labels, {
        event,
        scale: Math.max(1, canvas.ds.scale),
        className: "dark",
        callback: (label) =>
          widget.setValue?.(values[labels.indexOf(label)], { e: event, node, canvas }),
      });
    };
    pointer.finally = () => {
      canvas.node_widget = null;
    };
    return true;
  };
}

/** @type {(widget: NodeWidget, node: GraphNode, canvas: Canvas) => boolean} */
function isOnArrow(widget, node, canvas) {
  const x = (canvas.graph_mouse?.[0] ?? 0) - node.pos[0];
  return x < ARROW || x > (widget.width || node.size[0]) - ARROW;
}
