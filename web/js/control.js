import { isPrimitive, linkOf, outerOf } from "./inputs.js";

/** @typedef {import("./comfy.js").Graph} Graph */
/** @typedef {import("./comfy.js").GraphNode} GraphNode */
/** @typedef {import("./comfy.js").Widget} Widget */

/**
 * Whether ComfyUI itself gives an input another value for each run.
 *
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
   * @param {boolean} isControlled whether the subgraph within changes what it gets from here
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
    // What is set outside of a subgraph is controlled by the widget within.
    const outer = outerOf(node, link, root, hosts);
    if (outer) return follow(outer.host, outer.name, outer.hosts, changes, followed);
    const origin = node.graph.getNodeById(link.origin_id);
    const value = origin && isPrimitive(origin) ? origin.widgets?.[0] : undefined;
    return Boolean(origin && value && follow(origin, value.name, hosts, false, followed));
  }
}

/** @param {Widget | undefined} widget */
function isChanged(widget) {
  // The control's name differs from version to version, its place does not.
  const control = widget?.linkedWidgets?.[0]?.value;
  return Boolean(control) && control !== "fixed";
}
