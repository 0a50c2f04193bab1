import { app } from "./comfy.js";
import { freeOf, inRow, positionsInRow } from "./row_layout.js";
import { nodesOf } from "./subgraphs.js";

/** @typedef {import("./comfy.js").Graph} Graph */
/** @typedef {import("./comfy.js").GraphNode} GraphNode */
/** @typedef {import("./server.js").Track} Track */
/** @typedef {(type: string, values?: Record<string, unknown>) => GraphNode} Make */

const PROMPT = "AIGatewayPromptToMusic";
const POLL = "AIGatewayPollJob";
const LOAD = "AIGatewayLoadAudioURL";
const SAVE = "AIGatewaySaveAudio";
/** What ComfyUI lays over the sides of the canvas. */
const PANELS = '.side-bar-panel, [data-testid="properties-panel"]';

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
 * @param {[number, number]} [position] of the first node, for example where the track was dropped
 */
export function pickUp(track, position) {
  place((make) => addEnd(make, make(POLL, { job_id: track.job_id })), position);
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
 * @param {[number, number]} [position] of the first node
 */
function place(build, position) {
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
    arrange(made, graph, position);
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
 * @param {[number, number]} [position] of the first node
 */
function arrange(nodes, graph, position) {
  const others = nodesOf(graph).filter((node) => !nodes.includes(node));
  const sizes = nodes.map((node) => node.size);
  const positions = position
    ? inRow(sizes, position)
    : positionsInRow(sizes, placeInView(), others);
  for (const [index, node] of nodes.entries()) node.pos = positions[index] ?? node.pos;
}

/** The middle of what is seen of the canvas, at a third of its height. */
function placeInView() {
  const panels = [...document.querySelectorAll(PANELS)].map((each) => each.getBoundingClientRect());
  const { left, right, top, bottom } = freeOf(app.canvas.canvas.getBoundingClientRect(), panels);
  return inGraph((left + right) / 2, top + (bottom - top) / 3);
}

/**
 * A point of the page, in the graph.
 *
 * @param {number} x
 * @param {number} y
 * @returns {[number, number]}
 */
export function inGraph(x, y) {
  const { offset, scale } = app.canvas.ds;
  const { left, top } = app.canvas.canvas.getBoundingClientRect();
  return [(x - left) / scale - offset[0], (y - top) / scale - offset[1]];
}
