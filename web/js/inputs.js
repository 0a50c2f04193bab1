import { hostOf } from "./subgraphs.js";

/** @typedef {import("./comfy.js").Graph} Graph */
/** @typedef {import("./comfy.js").GraphNode} GraphNode */

/** The id of the node that stands for a subgraph's inputs. */
const SUBGRAPH_INPUT = -10;

/**
 * The values that an input of a node will have: its widget's, or those of simple nodes linked to
 * it.
 *
 * @param {GraphNode} node
 * @param {string} name
 * @param {Graph} root the graph that holds all others
 * @param {GraphNode[]} [hosts] the subgraphs' nodes around it, as far as they are known
 * @returns {unknown[] | null} several where a list is linked; null if only the run decides them
 */
export function valuesOf(node, name, root, hosts = []) {
  const link = linkOf(node, name);
  if (!link) return [node.widgets?.find((widget) => widget.name === name)?.value];
  // Ids are numbers in older versions of ComfyUI, and text in newer ones.
  if (Number(link.origin_id) === SUBGRAPH_INPUT)
    return valuesOfSubgraphInput(node.graph, link.origin_slot, root, hosts);
  return valuesOfOutput(node.graph.getNodeById(link.origin_id), root, hosts);
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
 * @param {Graph} subgraph
 * @param {number} slot
 * @param {Graph} root
 * @param {GraphNode[]} hosts
 * @returns {unknown[] | null}
 */
function valuesOfSubgraphInput(subgraph, slot, root, hosts) {
  const name = subgraph.inputs?.[slot]?.name;
  const host = hosts.at(-1) ?? hostOf(root, subgraph);
  return host && name ? valuesOf(host, name, root, hosts.slice(0, -1)) : null;
}

/**
 * @param {GraphNode | null | undefined} node
 * @param {Graph} root
 * @param {GraphNode[]} hosts
 * @returns {unknown[] | null}
 */
function valuesOfOutput(node, root, hosts) {
  if (node?.comfyClass?.startsWith("Primitive") || node?.type === "PrimitiveNode")
    return [node.widgets?.[0]?.value];
  if (node?.comfyClass !== "CreateList") return null;
  const values = [];
  for (const { name, link } of node.inputs ?? []) {
    if (link === null || link === undefined) continue;
    const linked = valuesOf(node, name, root, hosts);
    if (!linked) return null;
    values.push(...linked);
  }
  return values;
}
