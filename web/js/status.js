import { api, rootGraph } from "./comfy.js";
import { addRow, element } from "./dom.js";
import { placeOf } from "./subgraphs.js";

/** @typedef {import("./comfy.js").GraphNode} GraphNode */

const HEIGHT = 40;

/** @type {WeakMap<GraphNode, HTMLElement>} */
const lines = new WeakMap();

/**
 * Show the progress line of our nodes on the subgraphs' nodes around them as well.
 *
 * ComfyUI itself shows it only on the node within, which is hidden from outside.
 */
export function watchStatus() {
  api.addEventListener("progress_text", ({ detail }) => {
    const place = placeOf(rootGraph(), detail.nodeId);
    if (!place?.node.comfyClass?.startsWith("AIGateway")) return;
    for (const host of place.hosts) show(host, detail.text);
  });
}

/**
 * @param {GraphNode} host
 * @param {string} text
 */
function show(host, text) {
  let line = lines.get(host);
  if (!line) {
    line = element("div", { class: "aigateway-status", role: "status" });
    lines.set(host, line);
    addRow(host, "aigateway_status", line, HEIGHT);
  }
  line.textContent = text;
  line.title = text;
}
