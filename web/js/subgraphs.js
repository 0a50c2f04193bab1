/** @type {(graph: Graph, id: string | number) => GraphNode | null | undefined} */
const nodeById = (graph, id) => graph.getNodeById(id) ?? graph.getNodeById(Number(id));

/**
 * The nodes of some types: `node` itself, or those in the subgraph that it stands for.
 * @param {GraphNode} node
 * @param {string[]} types
 * @param {GraphNode[]} [hosts]
 * @returns {HostedNode[]}
 */
export function hostedNodesOf(node, types, hosts = []) {
  if (!node.subgraph) return types.includes(node.comfyClass ?? "") ? [{ node, hosts }] : [];
  return nodesOf(node.subgraph).flatMap((inner) => hostedNodesOf(inner, types, [...hosts, node]));
}

/**
 * The node that an execution's id names: the ids of its hosts and its own, joined by colons.
 * @param {Graph} root
 * @param {string | number} executionId
 * @returns {HostedNode | null}
 */
export function hostedNodeOf(root, executionId) {
  const hostIds = String(executionId).split(":");
  const id = hostIds.pop() ?? "";
  let graph = root;
  const hosts = [];
  for (const hostId of hostIds) {
    const host = nodeById(graph, hostId);
    if (!host?.subgraph) return null;
    hosts.push(host);
    graph = host.subgraph;
  }
  const node = nodeById(graph, id);
  return node ? { node, hosts } : null;
}

/**
 * The node that a locator names: its id, after its subgraph's id and a colon if it is in one.
 * @param {Graph} root
 * @param {string} locator
 * @returns {HostedNode | null}
 */
export function hostedNodeOfLocator(root, locator) {
  const [id = "", subgraphId] = locator.split(":").reverse();
  const subgraph = subgraphId ? root.subgraphs?.get(subgraphId) : null;
  if (subgraphId && !subgraph) return null;
  const node = nodeById(subgraph ?? root, id);
  const host = subgraph ? hostOf(root, subgraph) : null;
  return node ? { node, hosts: host ? [host] : [] } : null;
}

/**
 * The first node that stands for a subgraph, in `graph` or within.
 * @param {Graph} graph
 * @param {Graph} subgraph
 * @returns {GraphNode | null}
 */
export function hostOf(graph, subgraph) {
  for (const node of nodesOf(graph)) {
    if (!node.subgraph) continue;
    const host = node.subgraph === subgraph ? node : hostOf(node.subgraph, subgraph);
    if (host) return host;
  }
  return null;
}

/** @param {Graph} graph */
export const nodesOf = (graph) => graph.nodes ?? graph._nodes ?? [];
