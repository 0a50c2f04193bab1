import { hostOf } from "./subgraphs.js";

/** @typedef {import("./comfy.js").Graph} Graph */
/** @typedef {import("./comfy.js").GraphNode} GraphNode */
/** @typedef {import("./comfy.js").Link} Link */

/** The id of the node that stands for a subgraph's inputs. */
const SUBGRAPH_INPUT = -10;

/**
 * The items that an input of a node gets, one after the other.
 *
 * @typedef {object} Items
 * @property {unknown[]} items `undefined` where only the run decides one
 * @property {boolean} isWhole whether there are no more than these
 * @property {Cues} [cues] the list of a cue sheet, in place of the items
 */

/**
 * A list that a cue sheet gives. The server reads the sheet.
 *
 * @typedef {{ table: unknown, file: unknown, output: number }} Cues
 */

/** What is known of a node that nothing is known of: a list of one item or more. */
const SOME = { items: [undefined], isWhole: false };

/**
 * The items that an input of a node will get: its widget's value, or those of nodes linked to it.
 *
 * @param {GraphNode} node
 * @param {string} name
 * @param {Graph} root the graph that holds all others
 * @param {GraphNode[]} [hosts] the subgraphs' nodes around it, as far as they are known
 * @param {Map<Link, Items>} [asked] of the links that were followed before
 * @returns {Items}
 */
export function itemsOf(node, name, root, hosts = [], asked = new Map()) {
  const link = linkOf(node, name);
  if (!link) return { items: [widgetValue(node, name)], isWhole: true };
  const outer = outerOf(node, link, root, hosts);
  if (outer) return itemsOf(outer.host, outer.name, root, outer.hosts, asked);
  const origin = node.graph.getNodeById(link.origin_id);
  if (!origin) return SOME;
  const known = asked.get(link);
  if (known) return known;
  // Nodes that are linked in a circle end here.
  asked.set(link, SOME);
  const made = itemsOfOutput(origin, link.origin_slot, (input) =>
    itemsOf(origin, input, root, hosts, asked),
  );
  asked.set(link, made);
  return made;
}

/**
 * @param {GraphNode} node
 * @param {string} name
 */
const widgetValue = (node, name) => node.widgets?.find((widget) => widget.name === name)?.value;

/**
 * The widgets that show the value of a node's input: its own, and those of the subgraphs' nodes
 * around it where the input is one of theirs.
 *
 * @param {GraphNode} node
 * @param {string} name
 * @param {GraphNode[]} hosts
 * @returns {import("./comfy.js").Widget[]} the innermost first
 */
export function widgetsOf(node, name, hosts) {
  const own = node.widgets?.filter((widget) => widget.name === name) ?? [];
  const link = linkOf(node, name);
  const outer = link && outerOf(node, link, null, hosts);
  return outer ? [...own, ...widgetsOf(outer.host, outer.name, outer.hosts)] : own;
}

/**
 * The link that ends at an input of a node.
 *
 * @param {GraphNode} node
 * @param {string} name
 */
export function linkOf({ inputs, graph }, name) {
  const id = inputs?.find((input) => input.name === name)?.link;
  if (id === null || id === undefined) return undefined;
  const { links } = graph;
  return graph.getLink?.(id) ?? (links instanceof Map ? links.get(id) : links?.[id]);
}

/**
 * Where a link comes from outside of its subgraph: the input of the node that stands for it.
 *
 * @param {GraphNode} node
 * @param {Link} link that ends at `node`
 * @param {Graph | null} root where the subgraph's node is looked for if `hosts` are not known
 * @param {GraphNode[]} hosts
 */
export function outerOf(node, link, root, hosts) {
  // Ids are numbers in older versions of ComfyUI, and text in newer ones.
  if (Number(link.origin_id) !== SUBGRAPH_INPUT) return null;
  const name = node.graph.inputs?.[link.origin_slot]?.name;
  const host = hosts.at(-1) ?? (root && hostOf(root, node.graph));
  return host && name ? { host, name, hosts: hosts.slice(0, -1) } : null;
}

/**
 * Whether a node gives the value of its first widget, and nothing else.
 *
 * @param {GraphNode} node
 */
export const isPrimitive = ({ comfyClass, type }) =>
  comfyClass?.startsWith("Primitive") || type === "PrimitiveNode";

/**
 * @param {GraphNode} node
 * @param {number} slot
 * @param {(input: string) => Items} ofInput
 * @returns {Items}
 */
function itemsOfOutput(node, slot, ofInput) {
  if (isPrimitive(node)) {
    const value = node.widgets?.[0]?.name;
    return value ? ofInput(value) : SOME;
  }
  if (node.comfyClass === "AIGatewayCueSheet") return itemsOfCueSheet(slot, ofInput);
  const inputs = (node.inputs ?? [])
    .filter(({ link }) => link !== null && link !== undefined)
    .map(({ name }) => ofInput(name));
  const areWhole = inputs.every(({ isWhole }) => isWhole);
  if (node.comfyClass === "CreateList")
    return { items: inputs.flatMap(({ items }) => items), isWhole: areWhole };
  const { nodeData } = node.constructor;
  if (node.subgraph || nodeData?.output_is_list?.[slot]) return SOME;
  // Such a node gets its lists at once; any other runs for each item of the longest.
  if (nodeData?.is_input_list) return { items: [undefined], isWhole: true };
  const count = Math.max(1, ...inputs.map(({ items }) => items.length));
  return { items: Array(count).fill(undefined), isWhole: areWhole };
}

/**
 * @param {number} output
 * @param {(input: string) => Items} ofInput
 * @returns {Items}
 */
function itemsOfCueSheet(output, ofInput) {
  const [[table, ...tables], [file, ...files]] = [ofInput("table").items, ofInput("file").items];
  // A list of tables, or a table that only the run makes, is no sheet that can be read now.
  if (tables.length || files.length || table === undefined || file === undefined) return SOME;
  return { items: [], isWhole: true, cues: { table, file, output } };
}
