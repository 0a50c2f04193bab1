import { app } from "./comfy.js";

/** @typedef {import("./server.js").Track} Track */

const PROMPT = "AIGatewayPromptToMusic";
const POLL = "AIGatewayPollJob";
const LOAD = "AIGatewayLoadAudioURL";
const SAVE = "AIGatewaySaveAudio";
const GAP = 60;

/**
 * Put the four nodes with a track's inputs onto the canvas.
 *
 * @param {Track} track
 */
export function reuse(track) {
  const { prompt, lyrics, format, model, take } = track;
  const duration = track.asked_duration;
  place((make) => {
    const source = make(PROMPT, { prompt, duration, lyrics, format, model, take });
    const poll = make(POLL, {});
    connect(source, "job", poll, "job");
    addEnd(make, poll);
  });
}

/**
 * Put nodes onto the canvas that wait for a job by its id, and load and save its track.
 *
 * @param {Track} track
 */
export function pickUp(track) {
  place((make) => addEnd(make, make(POLL, { job_id: track.job_id })));
}

function addEnd(make, poll) {
  const load = make(LOAD, {});
  connect(poll, "audio_url", load, "url");
  connect(load, "audio", make(SAVE, {}), "audio");
}

/** @param {(make: (type: string, values: Record<string, unknown>) => any) => void} build */
function place(build) {
  const { canvas } = app;
  const graph = canvas.graph ?? app.graph;
  const nodes = [];
  graph.beforeChange?.();
  try {
    build((type, values) => {
      const node = window.LiteGraph.createNode(type);
      graph.add(node);
      for (const [name, value] of Object.entries(values)) {
        const widget = node.widgets.find((each) => each.name === name);
        widget.value = value;
        widget.callback?.(value);
      }
      nodes.push(node);
      return node;
    });
    arrange(nodes, canvas);
  } finally {
    graph.afterChange?.();
  }
  canvas.selectNodes?.(nodes);
  graph.setDirtyCanvas?.(true, true);
}

function connect(from, output, to, input) {
  from.connect(from.findOutputSlot(output), to, to.findInputSlot(input));
}

/** In a row, in the middle of what is seen of the canvas, below the nodes that are there. */
function arrange(nodes, canvas) {
  const { offset, scale } = canvas.ds;
  const view = canvas.canvas.getBoundingClientRect();
  const width = nodes.reduce((sum, node) => sum + node.size[0] + GAP, -GAP);
  let x = view.width / 2 / scale - offset[0] - width / 2;
  let y = view.height / 3 / scale - offset[1];
  const others = (nodes[0].graph.nodes ?? []).filter((node) => !nodes.includes(node));
  const height = Math.max(...nodes.map((node) => node.size[1]));
  const isTaken = ({ pos, size }) =>
    pos[0] < x + width && x < pos[0] + size[0] && pos[1] < y + height && y < pos[1] + size[1];
  for (let hit = others.find(isTaken); hit; hit = others.find(isTaken))
    y = hit.pos[1] + hit.size[1] + GAP;
  for (const node of nodes) {
    node.pos = [x, y];
    x += node.size[0] + GAP;
  }
}
