import { hostOf } from "./subgraphs.js";

/** The id of the node that stands for a subgraph's inputs. */
const SUBGRAPH_INPUT = -10;

/** The items of an unknown node: a list of one item or more. */
const SOME = { items: [undefined], isWhole: false };

/**
 * The items that an input of a node will get: its widget's value, or those of nodes linked to it.
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
  const made = itemsOfOutput(origin, link.origin_slot, root, hosts, asked);
  asked.set(link, made);
  return made;
}

/** @type {(node: GraphNode, name: string) => unknown} */
const widgetValue = (node, name) => node.widgets?.find((widget) => widget.name === name)?.value;

/**
 * The widgets that show the value of a node's input: its own, and those of the subgraphs' nodes
 * around it that expose the input.
 * @param {GraphNode} node
 * @param {string} name
 * @param {GraphNode[]} hosts
 * @returns {NodeWidget[]} the innermost first
 */
export function widgetsOf(node, name, hosts) {
  const own = node.widgets?.filter((widget) => widget.name === name) ?? [];
  const link = linkOf(node, name);
  const outer = link && outerOf(node, link, null, hosts);
  return outer ? [...own, ...widgetsOf(outer.host, outer.name, outer.hosts)] : own;
}

/**
 * The link that ends at an input of a node.
 * @param {GraphNode} node
 * @param {string} name
 */
export const linkOf = ({ inputs, graph }, name) =>
  linkById(graph, inputs?.find((input) => input.name === name)?.link);

/** @type {(graph: Graph, id: number | null | undefined) => Link | undefined} */
function linkById(graph, id) {
  if (id === null || id === undefined) return undefined;
  const { links } = graph;
  return graph.getLink?.(id) ?? (links instanceof Map ? links.get(id) : links?.[id]);
}

/**
 * The origin of a link outside of its subgraph: an input of the node that stands for the subgraph.
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

/** Whether a node gives the value of its first widget, and nothing else. @param {GraphNode} node */
export const isPrimitive = ({ comfyClass, type }) =>
  comfyClass?.startsWith("Primitive") || type === "PrimitiveNode";

/**
 * The items that an output of a node gives.
 * @param {GraphNode} node
 * @param {number} slot
 * @param {Graph} root
 * @param {GraphNode[]} hosts
 * @param {Map<Link, Items>} asked
 * @returns {Items}
 */
function itemsOfOutput(node, slot, root, hosts, asked) {
  /** @param {string} input */
  const ofInput = (input) => itemsOf(node, input, root, hosts, asked);
  const { subgraph } = node;
  if (subgraph) {
    const link = linkById(subgraph, subgraph.outputs?.[slot]?.linkIds?.[0]);
    const passed = link && Number(link.origin_id) === SUBGRAPH_INPUT;
    const name = passed && subgraph.inputs?.[link.origin_slot]?.name;
    if (name) return ofInput(name);
    const origin = link && subgraph.getNodeById(link.origin_id);
    return origin ? itemsOfOutput(origin, link.origin_slot, root, [...hosts, node], asked) : SOME;
  }
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
  const joined = JOINED[node.comfyClass ?? ""];
  if (joined) {
    const named = joined.inputs.map(ofInput);
    if (named.some(({ cues }) => cues)) return SOME;
    // ComfyUI repeats the last item of a shorter list.
    const count = Math.max(1, ...[...named, ...inputs].map(({ items }) => items.length));
    const items = Array.from({ length: count }, (_, index) =>
      joined.give(
        slot,
        named.map(({ items }) => items[Math.min(index, items.length - 1)]),
      ),
    );
    return { items, isWhole: areWhole };
  }
  const { nodeData } = node.constructor;
  if (nodeData?.output_is_list?.[slot]) return SOME;
  // Such a node gets its lists at once; any other runs for each item of the longest.
  if (nodeData?.is_input_list) return { items: [undefined], isWhole: true };
  const count = Math.max(1, ...inputs.map(({ items }) => items.length));
  return { items: Array(count).fill(undefined), isWhole: areWhole };
}

export const MUSIC_LENGTH = "AIGatewayMusicLength";
/** As `nodes/music_length.py` reads it: seconds, bpm and words. */
const KEPT = /^\s*(\d{1,4}(?:\.\d{1,3})?) s, (\d{1,5}(?:\.\d{1,3})?) bpm\s*(?:: (.*))?$/s;
/** Limit on the characters of a joined text: each node may double them. */
const LONGEST_TEXT = 100_000;

/**
 * An output of Music Length while it keeps its music; undefined if the run measures it.
 * @param {number} output
 * @param {unknown[]} given `keep` and `kept`
 */
function keptOutput(output, [keep, kept]) {
  const found = keep === true && String(kept ?? "").match(KEPT);
  if (!found) return undefined;
  const [duration, tempo] = [Number(found[1]), Number(found[2])];
  /** @type {Record<number, unknown>} */
  const outputs = { 0: duration, 4: tempo, 5: `${Math.floor(tempo + 0.5)} bpm` };
  if (found[3]) outputs[8] = `${found[3]}, ${outputs[5]}`;
  return outputs[output];
}

/** @type {(output: number, given: unknown[]) => string | undefined} */
function joinedText(_, [first, second, between]) {
  const parts = [first, second, between];
  if (!parts.every((part) => typeof part === "string")) return undefined;
  const text = `${first}${between}${second}`;
  return text.length > LONGEST_TEXT ? undefined : text;
}

/**
 * Nodes whose output follows from some of their inputs.
 * @type {Record<string, {inputs: string[], give: (output: number, given: unknown[]) => unknown}>}
 */
const JOINED = {
  [MUSIC_LENGTH]: { inputs: ["keep", "kept"], give: keptOutput },
  StringConcatenate: { inputs: ["string_a", "string_b", "delimiter"], give: joinedText },
};

/**
 * The nodes of a type that a node gets its inputs from, directly or through others.
 * @param {HostedNode} hosted
 * @param {string} type
 * @param {Graph} root the graph that holds all others
 * @param {Set<unknown>} [seen] the links that were followed
 * @returns {GraphNode[]}
 */
export function sourcesOf({ node, hosts }, type, root, seen = new Set()) {
  return (node.inputs ?? []).flatMap(({ name }) => {
    const link = linkOf(node, name);
    return link ? sourcesOfLink(node, link, hosts) : [];
  });

  /** @type {(node: GraphNode, link: Link, hosts: GraphNode[]) => GraphNode[]} */
  function sourcesOfLink(node, link, hosts) {
    // Nodes that are linked in a circle end here.
    if (seen.has(link)) return [];
    seen.add(link);
    const outer = outerOf(node, link, root, hosts);
    const above = outer && linkOf(outer.host, outer.name);
    if (outer) return above ? sourcesOfLink(outer.host, above, outer.hosts) : [];
    const origin = node.graph.getNodeById(link.origin_id);
    if (!origin) return [];
    const { subgraph } = origin;
    if (!subgraph) {
      const own = origin.comfyClass === type ? [origin] : [];
      return [...own, ...sourcesOf({ node: origin, hosts }, type, root, seen)];
    }
    const inner = linkById(subgraph, subgraph.outputs?.[link.origin_slot]?.linkIds?.[0]);
    const last = inner && subgraph.getNodeById(inner.origin_id);
    if (!last) return [];
    const own = last.comfyClass === type ? [last] : [];
    return [...own, ...sourcesOf({ node: last, hosts: [...hosts, origin] }, type, root, seen)];
  }
}

/** @type {(output: number, ofInput: (input: string) => Items) => Items} */
function itemsOfCueSheet(output, ofInput) {
  const [[table, ...tables], [file, ...files]] = [ofInput("table").items, ofInput("file").items];
  // A list of tables, or a table that is made during the run, cannot be read now.
  if (tables.length || files.length || table === undefined || file === undefined) return SOME;
  return { items: [], isWhole: true, cues: { table, file, output } };
}

/**
 * Whether ComfyUI itself gives an input another value for each run.
 * @param {GraphNode} node
 * @param {string} name
 * @param {Graph} root the graph that holds all others
 * @param {GraphNode[]} hosts the subgraphs' nodes around it, as far as they are known
 * @returns {boolean}
 */
export function changesEachRun(node, name, root, hosts) {
  return follow(node, name, hosts, false, new Set());

  /**
   * @param {GraphNode} node
   * @param {string} name
   * @param {GraphNode[]} hosts
   * @param {boolean} isControlled whether the subgraph within changes the value that it gets from here
   * @param {Set<unknown>} followed the links before
   * @returns {boolean}
   */
  function follow(node, name, hosts, isControlled, followed) {
    const widget = node.widgets?.find((each) => each.name === name);
    const changes = isControlled || isChanged(widget);
    const link = linkOf(node, name);
    if (!link) return changes;
    // Nodes that are linked in a circle end here.
    if (followed.has(link)) return false;
    followed.add(link);
    // The widget within a subgraph controls a value from outside.
    const outer = outerOf(node, link, root, hosts);
    if (outer) return follow(outer.host, outer.name, outer.hosts, changes, followed);
    const origin = node.graph.getNodeById(link.origin_id);
    const value = origin && isPrimitive(origin) ? origin.widgets?.[0] : undefined;
    return Boolean(origin && value && follow(origin, value.name, hosts, false, followed));
  }
}

/** @param {NodeWidget | undefined} widget */
function isChanged(widget) {
  // The control's name differs from version to version, its index does not.
  const control = widget?.linkedWidgets?.[0]?.value;
  return Boolean(control) && control !== "fixed";
}
