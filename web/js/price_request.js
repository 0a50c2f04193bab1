import { linkOf, valuesOf } from "./inputs.js";

/** @typedef {import("./comfy.js").Graph} Graph */
/** @typedef {import("./subgraphs.js").Place} Place */

const NAMES = ["prompt", "lyrics", "format", "model", "take"];

/** The duration that is asked for where the real one is not known. */
const SOME_SECONDS = 10;

/**
 * What the server is asked for the price of a node's tracks.
 *
 * @typedef {object} PriceRequest
 * @property {Record<string, unknown>} request the inputs that are known; all of them, or only the
 *     model: only a whole request can be found among those that were bought
 * @property {number} duration in seconds, the longest
 * @property {boolean} isDurationKnown if not, `duration` is some duration to find the price of a
 *     second with
 * @property {number} count tracks that one run of the graph makes
 * @property {number} runs that each make other tracks
 */

/**
 * What the price of a Prompt to Music node depends on.
 *
 * @param {Place} place
 * @param {Graph} root the graph that holds all others
 * @param {number} batchCount how often the Run button runs the graph
 * @returns {PriceRequest}
 */
export function priceRequest({ node, hosts }, root, batchCount) {
  const durations = valuesOf(node, "duration", root, hosts);
  const inputs = NAMES.map((name) => ({ name, values: valuesOf(node, name, root, hosts) }));
  const known = inputs.flatMap(({ name, values }) => {
    const value = values?.[0];
    return value === undefined ? [] : [{ name, value }];
  });
  const sent = known.length === NAMES.length ? known : known.filter(({ name }) => name === "model");
  const seconds = durations?.map(Number) ?? [];
  const isDurationKnown = seconds.length > 0;
  // ComfyUI runs lists of different lengths to the end of the longest.
  const counts = [durations, ...inputs.map(({ values }) => values)].map(
    (values) => values?.length ?? 1,
  );
  return {
    request: Object.fromEntries(sent.map(({ name, value }) => [name, value])),
    duration: isDurationKnown ? Math.max(...seconds) : SOME_SECONDS,
    isDurationKnown,
    count: Math.max(...counts),
    // The same take is bought once, however often the graph runs.
    runs: changesTake(node) ? batchCount : 1,
  };
}

/**
 * Whether each run gets another take.
 *
 * @param {Place["node"]} node
 */
function changesTake(node) {
  if (linkOf(node, "take")) return false;
  const take = node.widgets?.find((widget) => widget.name === "take");
  // The control's name differs from version to version, its place does not.
  const control = take?.linkedWidgets?.[0]?.value;
  return Boolean(control) && control !== "fixed";
}
