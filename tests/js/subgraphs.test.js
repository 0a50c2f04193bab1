import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  hostedNodeOf,
  hostedNodeOfLocator,
  hostedNodesOf,
  hostOf,
} from "../../web/js/subgraphs.js";
import { graphOf, nodeOf } from "./graphs.js";

const POLL = "AIGatewayPollJob";

const inner = graphOf([[POLL, { id: 3 }], ["Other"]]);
const middle = graphOf([["inner", { id: "7", subgraph: inner }]]);
const root = graphOf(
  [
    ["outer", { id: 5, subgraph: middle }],
    [POLL, { id: 9 }],
  ],
  {
    subgraphs: { "uuid-inner": inner, "uuid-middle": middle },
  },
);
const outerHost = nodeOf(root, "outer");
const innerHost = nodeOf(middle, "inner");
const innerPoll = nodeOf(inner, POLL);

describe("the node that a progress line belongs to", () => {
  test("is found by its id, as number or text", () => {
    for (const id of [9, "9"])
      assert.deepEqual(hostedNodeOf(root, id), { node: nodeOf(root, POLL), hosts: [] });
  });

  test("is found in subgraphs, with the hosts that show the line as well", () => {
    const hosted = hostedNodeOf(root, "5:7:3");
    assert.equal(hosted?.node, innerPoll);
    assert.deepEqual(hosted?.hosts, [outerHost, innerHost]);
  });

  for (const id of ["8", "5:8", "9:3", "5:7:8", ""])
    test(`is none for the id ${JSON.stringify(id)} of a graph that was closed`, () => {
      assert.equal(hostedNodeOf(root, id), null);
    });
});

describe("the node that a locator names", () => {
  test("is in the root if there is no subgraph's id", () => {
    assert.equal(hostedNodeOfLocator(root, "9")?.node, nodeOf(root, POLL));
  });

  test("is in the subgraph that is named", () => {
    const hosted = hostedNodeOfLocator(root, "uuid-inner:3");
    assert.equal(hosted?.node, innerPoll);
    assert.deepEqual(hosted?.hosts, [innerHost]);
  });

  test("is none in a subgraph that is not there, even if the root has the id", () => {
    assert.equal(hostedNodeOfLocator(root, "uuid-gone:9"), null);
  });
});

test("nodes of a type are found in all subgraphs that a node stands for", () => {
  assert.deepEqual(
    hostedNodesOf(outerHost, [POLL]).map((hosted) => [hosted.node, hosted.hosts]),
    [[innerPoll, [outerHost, innerHost]]],
  );
  assert.deepEqual(hostedNodesOf(outerHost, ["AIGatewaySaveAudio"]), []);
  assert.equal(hostedNodesOf(nodeOf(root, POLL), [POLL])[0]?.hosts.length, 0);
});

test("a subgraph's host is found at any depth, and in older versions' graphs", () => {
  assert.equal(hostOf(root, inner), innerHost);
  assert.equal(hostOf(root, graphOf([])), null);
  const { nodes, ...older } = graphOf([["host", { subgraph: inner }]]);
  assert.equal(hostOf({ ...older, _nodes: nodes }, inner), nodes?.[0]);
});
