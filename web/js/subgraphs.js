import { app } from "./comfy.js";

/** @typedef {{node: any, hosts: any[]}} Place a node, and the subgraphs' nodes around it, the outermost first */

/** The graph that holds all others. */
export const rootGraph = () => app.rootGraph ?? app.graph;

/**
 * @param {any} graph
 * @param {string | number} id
 */
export const nodeById = (graph, id) => graph?.getNodeById(id) ?? graph?.getNodeById(Number(id));

/**
 * `node` itself, or what the subgraph that it stands for holds, if it is of one of `types`.
 *
 * @param {any} node
 * @param {string[]} types
 * @param {any[]} [hosts]
 * @returns {Place[]}
 */
export function placesOf(node, types, hosts = []) {
  if (!node.subgraph) return types.includes(node.comfyClass) ? [{ node, hosts }] : [];
  return node.subgraph.nodes.flatMap((inner) => placesOf(inner, types, [...hosts, node]));
}

/**
 * The node that an execution's id names: its own id, behind those of its hosts.
 *
 * @param {string | number} executionId
 * @returns {Place | null}
 */
export function placeOf(executionId) {
  const hosts = String(executionId).split(":");
  const id = hosts.pop() ?? "";
  let graph = rootGraph();
  const found = [];
  for (const hostId of hosts) {
    const host = nodeById(graph, hostId);
    if (!host?.subgraph) return null;
    found.push(host);
    graph = host.subgraph;
  }
  const node = nodeById(graph, id);
  return node ? { node, hosts: found } : null;
}

/** The first node that stands for `subgraph`, in `graph` or within. */
export function hostOf(subgraph, graph = rootGraph()) {
  for (const node of graph.nodes ?? graph._nodes ?? []) {
    if (!node.subgraph) continue;
    const host = node.subgraph === subgraph ? node : hostOf(subgraph, node.subgraph);
    if (host) return host;
  }
  return null;
}
