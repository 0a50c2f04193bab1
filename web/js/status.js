import { api } from "./comfy.js";
import { addRow, element } from "./dom.js";
import { placeOf } from "./subgraphs.js";

const HEIGHT = 40;

/** @type {WeakMap<object, HTMLElement>} */
const lines = new WeakMap();

/**
 * Show what our nodes say under the nodes of the subgraphs around them as well.
 *
 * ComfyUI itself shows it under the node that says it, which is not seen from outside.
 */
export function watchStatus() {
  api.addEventListener("progress_text", ({ detail }) => {
    const place = placeOf(detail.nodeId);
    if (!place?.node.comfyClass?.startsWith("AIGateway")) return;
    for (const host of place.hosts) show(host, detail.text);
  });
}

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
