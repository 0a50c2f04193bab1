import { hostOf } from "./subgraphs.js";

/** The id of the node that stands for a subgraph's inputs. */
const SUBGRAPH_INPUT = -10;

/** What cannot be known before the run. */
export const UNKNOWN = Symbol("unknown");

/**
 * The values that an input will have: its widget's, or those of simple nodes linked to it.
 *
 * @param {any} node
 * @param {string} name
 * @param {any[]} [hosts] the subgraphs' nodes around it, where it is known which they are
 * @returns {unknown[] | typeof UNKNOWN} several where a list is linked
 */
export function valuesOf(node, name, hosts = []) {
  const input = node.inputs?.find((each) => each.name === name);
  const link = input?.link == null ? null : linkOf(node.graph, input.link);
  if (!link) return [node.widgets?.find((widget) => widget.name === name)?.value];
  // Ids are numbers in older versions of ComfyUI, and strings in newer ones.
  if (Number(link.origin_id) === SUBGRAPH_INPUT)
    return valuesOfSubgraphInput(node.graph, link.origin_slot, hosts);
  return valuesOfOutput(node.graph.getNodeById(link.origin_id), hosts);
}

function linkOf(graph, id) {
  return graph.getLink?.(id) ?? graph.links?.get?.(id) ?? graph.links?.[id];
}

function valuesOfSubgraphInput(subgraph, slot, hosts) {
  const name = subgraph.inputs?.[slot]?.name;
  const host = hosts.at(-1) ?? hostOf(subgraph);
  return host && name ? valuesOf(host, name, hosts.slice(0, -1)) : UNKNOWN;
}

function valuesOfOutput(node, hosts) {
  if (!node) return UNKNOWN;
  if (node.comfyClass?.startsWith("Primitive") || node.type === "PrimitiveNode")
    return [node.widgets?.[0]?.value];
  if (node.comfyClass === "CreateList") {
    const linked = node.inputs.filter((input) => input.link != null);
    const values = linked.map((input) => valuesOf(node, input.name, hosts));
    return values.includes(UNKNOWN) ? UNKNOWN : values.flat();
  }
  return UNKNOWN;
}
