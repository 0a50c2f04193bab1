import { app } from "./comfy.js";

/** The id of the node that stands for a subgraph's inputs. */
const SUBGRAPH_INPUT = -10;

/** What cannot be known before the run. */
export const UNKNOWN = Symbol("unknown");

/**
 * The values that an input will have: its widget's, or those of simple nodes linked to it.
 *
 * @param {any} node
 * @param {string} name
 * @returns {unknown[] | typeof UNKNOWN} several where a list is linked
 */
export function valuesOf(node, name) {
  const input = node.inputs?.find((each) => each.name === name);
  const link = input?.link == null ? null : linkOf(node.graph, input.link);
  if (!link) return [node.widgets?.find((widget) => widget.name === name)?.value];
  if (link.origin_id === SUBGRAPH_INPUT) return valuesOfSubgraphInput(node.graph, link.origin_slot);
  return valuesOfOutput(node.graph.getNodeById(link.origin_id));
}

function linkOf(graph, id) {
  return graph.getLink?.(id) ?? graph.links?.get?.(id) ?? graph.links?.[id];
}

function valuesOfSubgraphInput(subgraph, slot) {
  const name = subgraph.inputs?.[slot]?.name;
  const host = hostOf(app.rootGraph ?? app.graph, subgraph);
  return host && name ? valuesOf(host, name) : UNKNOWN;
}

function hostOf(graph, subgraph) {
  for (const node of graph.nodes ?? graph._nodes ?? []) {
    if (!node.subgraph) continue;
    const host = node.subgraph === subgraph ? node : hostOf(node.subgraph, subgraph);
    if (host) return host;
  }
  return null;
}

function valuesOfOutput(node) {
  if (!node) return UNKNOWN;
  if (node.comfyClass?.startsWith("Primitive") || node.type === "PrimitiveNode")
    return [node.widgets?.[0]?.value];
  if (node.comfyClass === "CreateList") {
    const linked = node.inputs.filter((input) => input.link != null);
    const values = linked.map((input) => valuesOf(node, input.name));
    return values.includes(UNKNOWN) ? UNKNOWN : values.flat();
  }
  return UNKNOWN;
}
