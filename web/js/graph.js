import { app } from "./comfy.js";
import { freeOf, inRow, positionsInRow } from "./row_layout.js";
import { nodesOf } from "./subgraphs.js";
import { tagsOfWav } from "./wav_tags.js";

/** @typedef {[type: string, values?: Record<string, unknown>]} Part a node, and values of its widgets */

const PROMPT = "AIGatewayPromptToMusic";
const POLL = "AIGatewayPollJob";
const LOAD = "AIGatewayLoadAudioURL";
const SAVE = "AIGatewaySaveAudio";
/**
 * The links between these nodes: an output and an input.
 * @type {[from: string, output: string, to: string, input: string][]}
 */
const LINKS = [
  [PROMPT, "job", POLL, "job"],
  [POLL, "audio_url", LOAD, "url"],
  [LOAD, "audio", SAVE, "audio"],
];
/** ComfyUI's panels over the sides of the canvas. */
const PANELS = '.side-bar-panel, [data-testid="properties-panel"]';

/** Put the four nodes with a track's inputs onto the canvas. @param {Track} track */
export function reuse(track) {
  const { prompt, lyrics, format, model, take, words } = track;
  const duration = track.asked_duration;
  const values = { prompt, duration, lyrics, format, model, take, words };
  addInRow([[PROMPT, values], [POLL], [LOAD], [SAVE]]);
}

/**
 * Put nodes onto the canvas: they wait for a job by its id, then load and save its track.
 * @param {Track} track
 * @param {[number, number]} [position] of the first node, for example where the track was dropped
 */
export function pickUp(track, position) {
  addInRow([[POLL, { job_id: track.job_id }], [LOAD], [SAVE]], position);
}

/**
 * Add nodes to the graph that is open, in a row, as one step that can be undone.
 * @param {Part[]} parts each of another type
 * @param {[number, number]} [position] of the first node
 */
function addInRow(parts, position) {
  const { canvas } = app;
  const graph = canvas.graph ?? app.graph;
  const nodes = new Map(parts.map(([type]) => [type, window.LiteGraph.createNode(type)]));
  const row = [...nodes.values()];
  graph.beforeChange?.();
  try {
    // Nodes 2.0 of ComfyUI 0.8 forgets a position that is set right after a node is added.
    arrange(row, graph, position);
    for (const node of row) graph.add(node);
    for (const [type, values] of parts) setWidgets(nodes.get(type), values);
    for (const [from, output, to, input] of LINKS)
      connect(nodes.get(from), output, nodes.get(to), input);
  } finally {
    graph.afterChange?.();
  }
  canvas.selectNodes?.(row);
  graph.setDirtyCanvas?.(true, true);
}

/**
 * @param {GraphNode | undefined} node
 * @param {Record<string, unknown>} [values] by the names of the widgets
 */
function setWidgets(node, values = {}) {
  for (const widget of node?.widgets ?? []) {
    if (!(widget.name in values)) continue;
    widget.value = values[widget.name];
    widget.callback?.(widget.value);
  }
}

/**
 * @param {GraphNode | undefined} from
 * @param {string} output
 * @param {GraphNode | undefined} to
 * @param {string} input
 */
function connect(from, output, to, input) {
  if (from && to) from.connect(from.findOutputSlot(output), to, to.findInputSlot(input));
}

/**
 * Put nodes in a row in the visible part of the canvas.
 * @param {GraphNode[]} nodes
 * @param {Graph} graph
 * @param {[number, number]} [position] of the first node
 */
function arrange(nodes, graph, position) {
  const sizes = nodes.map((node) => node.size);
  const positions = position
    ? inRow(sizes, position)
    : positionsInRow(sizes, middleOfView(), nodesOf(graph));
  for (const [index, node] of nodes.entries()) node.pos = positions[index] ?? node.pos;
}

/** The middle of the visible canvas, at a third of its height. */
function middleOfView() {
  const panels = [...document.querySelectorAll(PANELS)].map((each) => each.getBoundingClientRect());
  const { left, right, top, bottom } = freeOf(app.canvas.canvas.getBoundingClientRect(), panels);
  return inGraph((left + right) / 2, top + (bottom - top) / 3);
}

/**
 * Convert a point of the page to the graph's coordinates.
 * @param {number} x
 * @param {number} y
 * @returns {[number, number]}
 */
export function inGraph(x, y) {
  const { offset, scale } = app.canvas.ds;
  const { left, top } = app.canvas.canvas.getBoundingClientRect();
  return [(x - left) / scale - offset[0], (y - top) / scale - offset[1]];
}

const KIND = "application/x-aigateway-track";

/**
 * Let a row be dragged to the canvas.
 * @param {HTMLElement} row
 * @param {Track} track
 */
export function makeDraggable(row, track) {
  row.draggable = true;
  row.addEventListener("dragstart", ({ dataTransfer }) => {
    dataTransfer?.setData(KIND, JSON.stringify(track));
    if (dataTransfer) dataTransfer.effectAllowed = "copy";
  });
}

/** Pick up the tracks that are dropped on the canvas. ComfyUI does not see those events. */
export function watchDrops() {
  /** @param {DragEvent} event */
  const isOurs = ({ dataTransfer, target }) =>
    dataTransfer?.types.includes(KIND) &&
    !(target instanceof Element && target.closest(".aigateway-tab"));
  document.addEventListener(
    "dragover",
    (event) => {
      if (isOurs(event)) event.preventDefault();
    },
    true,
  );
  document.addEventListener(
    "drop",
    (event) => {
      if (!isOurs(event)) return;
      event.preventDefault();
      event.stopPropagation();
      const track = JSON.parse(event.dataTransfer?.getData(KIND) ?? "");
      pickUp(track, inGraph(event.clientX, event.clientY));
    },
    true,
  );
}

/**
 * Let a WAV file that the pack saved restore its graph when it is dropped on the canvas. ComfyUI
 * reads the graph of an MP3 and not that of a WAV, so it gets the tags as an MP3.
 */
export function watchWavFiles() {
  const { handleFile } = app;
  if (!handleFile) return;
  app.handleFile = async function (file, ...rest) {
    const tags = await tagsOfWav(file);
    const text = await tags?.text();
    const hasGraph = text?.includes("workflow\0{") || text?.includes("prompt\0{");
    const given = tags && hasGraph ? new File([tags], file.name, { type: tags.type }) : file;
    return handleFile.call(this, given, ...rest);
  };
}
