import { changesEachRun } from "./control.js";
import { itemsOf, linkOf } from "./inputs.js";

/** @typedef {import("./comfy.js").Graph} Graph */
/** @typedef {import("./inputs.js").Items} Items */
/** @typedef {import("./subgraphs.js").Place} Place */

/** The inputs in which the frontend takes one of `{a|b}` for each run, and leaves out comments. */
const VARIED = ["prompt", "lyrics"];
const NAMES = ["prompt", "lyrics", "format", "model", "take", "words"];

/** The duration that is asked for where the real one is not known. */
export const SOME_SECONDS = 10;

/**
 * What the server is asked for the price of a node's tracks.
 *
 * @typedef {object} PriceRequest
 * @property {Record<string, unknown>} request the inputs that are known, each a value, a list or a
 *     cue sheet; all of them, or only the model: only a whole request can be found among those that
 *     were bought
 * @property {unknown} duration in seconds: a number, a list or a cue sheet
 * @property {boolean} isDurationKnown if not, `duration` is some duration to find the price of a
 *     second with
 * @property {number} count items of the longest list
 * @property {unknown} takes tracks that each item makes, a number or a list
 * @property {boolean} isCountWhole if not, the run may make more tracks
 * @property {boolean} isNewEachRun whether each run makes other tracks
 * @property {number} runs that each make other tracks
 */

/**
 * What the price of a node depends on that buys tracks.
 *
 * @param {Place} place
 * @param {Graph} root the graph that holds all others
 * @param {number} batchCount how often the Run button runs the graph
 * @returns {PriceRequest}
 */
export function priceRequest({ node, hosts }, root, batchCount) {
  const duration = itemsOf(node, "duration", root, hosts);
  const given = NAMES.map((name) => ({ name, ...itemsOf(node, name, root, hosts) }));
  const typed = VARIED.filter((name) => hosts.length || !linkOf(node, name));
  const inputs = given.map((input) => (typed.includes(input.name) ? unvaried(input) : input));
  const varies = given.some(({ name, items }) => typed.includes(name) && items.some(isVaried));
  const known = inputs.filter(isKnown);
  const sent = known.length === NAMES.length ? known : known.filter(({ name }) => name === "model");
  const isDurationKnown = isKnown(duration);
  const isNewEachRun =
    varies || [...NAMES, "duration"].some((name) => changesEachRun(node, name, root, hosts));
  const takes = hasInput(node, "count") ? itemsOf(node, "count", root, hosts) : ONE;
  const all = [duration, takes, ...inputs];
  return {
    request: Object.fromEntries(sent.map((input) => [input.name, sentOf(input)])),
    duration: isDurationKnown ? sentOf(duration, Number) : SOME_SECONDS,
    isDurationKnown,
    // ComfyUI runs lists of different lengths to the end of the longest.
    count: Math.max(1, ...all.map(({ items }) => items.length)),
    takes: isKnown(takes) ? sentOf(takes, Number) : 1,
    isCountWhole: isKnown(takes) && all.every(({ isWhole }) => isWhole),
    isNewEachRun,
    // The same take is bought once, however often the graph runs. Each variation is another request.
    runs: isNewEachRun ? batchCount : 1,
  };
}

/** What a node without the input `count` makes of each item. */
const ONE = { items: [1], isWhole: true };

/**
 * @param {Place["node"]} node
 * @param {string} name
 */
const hasInput = (node, name) =>
  [...(node.widgets ?? []), ...(node.inputs ?? [])].some((each) => each.name === name);

/** @param {unknown} text */
const isVaried = (text) => /\{[^{}]*\|[^{}]*\}/.test(String(text ?? ""));

/**
 * An input without the texts that the frontend changes before it sends them.
 *
 * @template {Items} Input
 * @param {Input} input
 * @returns {Input}
 */
const unvaried = (input) => ({
  ...input,
  items: input.items.map((text) => (/[{}]|\/\/|\/\*/.test(String(text ?? "")) ? undefined : text)),
});

/** @param {Items} input */
const isKnown = ({ items, cues }) =>
  cues !== undefined || (items.length > 0 && !items.includes(undefined));

/**
 * What the server is told of an input: its one value, its list, or the cue sheet that gives it.
 *
 * @param {Items} input
 * @param {(item: unknown) => unknown} [read]
 */
function sentOf({ items, cues }, read = (item) => item) {
  if (cues) return cues;
  return items.length === 1 ? read(items[0]) : items.map(read);
}
