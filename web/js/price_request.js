import { changesEachRun, itemsOf, linkOf, MUSIC_LENGTH, sourcesOf } from "./inputs.js";

/** The inputs in which the frontend takes one of `{a|b}` for each run, and leaves out comments. */
const VARIED = ["prompt", "lyrics"];
const NAMES = ["prompt", "lyrics", "format", "model", "take", "words"];

/** The duration in the question if the real one is not known. */
export const SOME_SECONDS = 10;

export const TAKES = "AIGatewayTakes";
/** The nodes that buy tracks. */
export const BUYERS = ["AIGatewayPromptToMusic", TAKES];
/** The modes of muted and bypassed nodes. */
const SKIPPED = [2, 4];

/**
 * Whether a run of the root graph runs a node that buys.
 * @param {HostedNode} hosted
 * @param {Graph} root
 */
export function isInRun({ node, hosts }, root) {
  const path = [...hosts, node];
  const isLinked = node.outputs?.some(({ links }) => links?.length) ?? true;
  return path[0]?.graph === root && isLinked && !isSkipped({ node, hosts });
}

/** Whether the node, or a subgraph's node around it, is muted or bypassed. @param {HostedNode} hosted */
export const isSkipped = ({ node, hosts }) =>
  [...hosts, node].some(({ mode }) => SKIPPED.includes(mode ?? 0));

/** The body of the question for the price of a node. @param {PriceRequest} asked */
export const bodyOf = ({ request, duration, count, takes }) => ({
  ...request,
  duration,
  count,
  takes,
});

/**
 * The facts that decide the price of a node that buys tracks.
 * @param {HostedNode} hosted
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
    // A length from Music Length is known before the run only while it keeps its music.
    isKept: isDurationKnown && sourcesOf({ node, hosts }, MUSIC_LENGTH, root).length > 0,
    // ComfyUI runs lists of different lengths to the end of the longest.
    count: Math.max(1, ...all.map(({ items }) => items.length)),
    takes: isKnown(takes) ? sentOf(takes, Number) : 1,
    isCountWhole: isKnown(takes) && all.every(({ isWhole }) => isWhole),
    isNewEachRun,
    // The same take is bought once, however often the graph runs. Each variation is another request.
    runs: isNewEachRun ? batchCount : 1,
  };
}

/** The takes of each item of a node without the input `count`. */
const ONE = { items: [1], isWhole: true };

/** @type {(node: HostedNode["node"], name: string) => boolean} */
const hasInput = (node, name) =>
  [...(node.widgets ?? []), ...(node.inputs ?? [])].some((each) => each.name === name);

/** @param {unknown} text */
const isVaried = (text) => /\{[^{}]*\|[^{}]*\}/.test(String(text ?? ""));

/**
 * An input without the texts that the frontend changes before it sends them.
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
 * An input in a question to the server: its one value, its list, or the cue sheet that gives it.
 * @param {Items} input
 * @param {(item: unknown) => unknown} [read]
 */
function sentOf({ items, cues }, read = (item) => item) {
  if (cues) return cues;
  return items.length === 1 ? read(items[0]) : items.map(read);
}
