import { app } from "./comfy.js";
import { positionsInRow } from "./row_layout.js";
import { nodesOf } from "./subgraphs.js";

/** @typedef {import("./comfy.js").Graph} Graph */
/** @typedef {import("./comfy.js").GraphNode} GraphNode */
/** @typedef {import("./server.js").Track} Track */
/** @typedef {(type: string, values?: Record<string, unknown>) => GraphNode} Make */

const PROMPT = "AIGatewayPromptToMusic";
const POLL = "AIGatewayPollJob";
const LOAD = "AIGatewayLoadAudioURL";
const SAVE = "AIGatewaySaveAudio";

/**
 * Put the four nodes with a track's inputs onto the canvas.
 *
 * @param {Track} track
 */
export function reuse(track) {
  const { prompt, lyrics, format, model, take, words } = track;
  const duration = track.asked_duration;
  place((make) => {
    const source = make(PROMPT, { prompt, duration, lyrics, format, model, take, words });
    const poll = make(POLL);
    connect(source, "job", poll, "job");
    addEnd(make, poll);
  });
}

/**
 * Put nodes onto the canvas that wait for a track's job by its id, and load and save the track.
 *
 * @param {Track} track
 */
export function pickUp(track) {
  place((make) => addEnd(make, make(POLL, { job_id: track.job_id })));
}

/**
 * Make the nodes that load and save what `poll` waits for.
 *
 * @param {Make} make
 * @param {GraphNode} poll
 */
function addEnd(make, poll) {
  const load = make(LOAD);
  connect(poll, "audio_url", load, "url");
  connect(load, "audio", make(SAVE), "audio");
}

/**
 * Add nodes to the graph that is open, as one step that can be undone.
 *
 * @param {(make: Make) => void} build
 */
function place(build) {
  const { canvas } = app;
  const graph = canvas.graph ?? app.graph;
  /** @type {GraphNode[]} */
  const made = [];
  graph.beforeChange?.();
  try {
    build((type, values = {}) => {
      const node = window.LiteGraph.createNode(type);
      graph.add(node);
      setWidgets(node, values);
      made.push(node);
      return node;
    });
    arrange(made, graph);
  } finally {
    graph.afterChange?.();
  }
  canvas.selectNodes?.(made);
  graph.setDirtyCanvas?.(true, true);
}

/**
 * @param {GraphNode} node
 * @param {Record<string, unknown>} values by the names of the widgets
 */
function setWidgets(node, values) {
  for (const widget of node.widgets ?? []) {
    if (!(widget.name in values)) continue;
    widget.value = values[widget.name];
    widget.callback?.(widget.value);
  }
}

/**
 * @param {GraphNode} from
 * @param {string} output
 * @param {GraphNode} to
 * @param {string} input
 */
function connect(from, output, to, input) {
  from.connect(from.findOutputSlot(output), to, to.findInputSlot(input));
}

/**
 * Put nodes in a row in the visible part of the canvas.
 *
 * @param {GraphNode[]} nodes
 * @param {Graph} graph
 */
function arrange(nodes, graph) {
  const { offset, scale } = app.canvas.ds;
  const view = app.canvas.canvas.getBoundingClientRect();
  const positions = positionsInRow(
    nodes.map((node) => node.size),
    [view.width / 2 / scale - offset[0], view.height / 3 / scale - offset[1]],
    nodesOf(graph).filter((node) => !nodes.includes(node)),
  );
  for (const [index, node] of nodes.entries()) node.pos = positions[index] ?? node.pos;
}
