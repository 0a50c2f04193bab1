/**
 * @typedef {object} NodeOptions
 * @property {number | string} [id]
 * @property {Record<string, unknown>} [values] of the widgets
 * @property {Record<string, [from: number | string, slot?: number]>} [links] by the input's name
 * @property {GraphNode["constructor"]["nodeData"]} [nodeData]
 * @property {Graph} [subgraph] that the node stands for
 */

/** How versions of the frontend keep a graph's links. */
export const LINK_STORES = /** @type {const} */ (["getLink", "map", "record"]);

/**
 * A graph as LiteGraph has it.
 *
 * @param {[comfyClass: string, options?: NodeOptions][]} descriptions
 * @param {object} [options]
 * @param {string[]} [options.inputs] names of the subgraph's own inputs
 * @param {[from: number | string, slot: number][]} [options.outputs] the nodes within that give them
 * @param {typeof LINK_STORES[number]} [options.store]
 * @param {Record<string, Graph>} [options.subgraphs] by their ids, of a root
 * @returns {Graph}
 */
export function graphOf(
  descriptions,
  { inputs = [], outputs = [], store = "map", subgraphs = {} } = {},
) {
  const links = new Map();
  /** @type {any} */
  const graph = {
    inputs: inputs.map((name) => ({ name })),
    subgraphs: new Map(Object.entries(subgraphs)),
  };
  graph.nodes = descriptions.map(([comfyClass, options = {}], index) => {
    const linked = Object.entries(options.links ?? {}).map(([name, [origin, slot = 0]]) => {
      const link = links.size + 1;
      links.set(link, { origin_id: origin, origin_slot: slot });
      return { name, link };
    });
    const values = Object.entries(options.values ?? {});
    return {
      id: options.id ?? index + 1,
      comfyClass,
      graph,
      constructor: { nodeData: options.nodeData },
      subgraph: options.subgraph,
      inputs: linked,
      widgets: values.map(([name, value]) => ({ name, value })),
    };
  });
  graph.outputs = outputs.map(([origin, slot]) => {
    const link = links.size + 1;
    links.set(link, { origin_id: origin, origin_slot: slot });
    return { linkIds: [link] };
  });
  graph.getNodeById = (/** @type {unknown} */ id) =>
    graph.nodes.find((/** @type {GraphNode} */ node) => node.id === id);
  if (store === "getLink") graph.getLink = (/** @type {number} */ id) => links.get(id);
  else graph.links = store === "map" ? links : Object.fromEntries(links);
  return graph;
}

/**
 * @param {Graph} graph
 * @param {string} comfyClass
 * @returns {GraphNode}
 */
export function nodeOf(graph, comfyClass) {
  const node = graph.nodes?.find((each) => each.comfyClass === comfyClass);
  if (!node) throw new Error(`The graph has no ${comfyClass}.`);
  return node;
}
