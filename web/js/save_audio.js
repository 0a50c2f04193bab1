import { filledText } from "./comfy.js";
import { element } from "./dom.js";

const NODE = "AIGatewaySaveAudio";

/**
 * Make a Save Audio node equal to ComfyUI's own, which ComfyUI knows by a list of their types.
 * @param {GraphNode} node any node that was just made
 */
export function completeSaveAudio(node) {
  if (node.comfyClass !== NODE) return;
  replaceTokens(node);
  addAudioWidget(node);
}

/**
 * Replace `%date:yyyy-MM-dd%` and `%Node.widget%` in the prefix when the graph is sent.
 * @param {GraphNode} node
 */
function replaceTokens(node) {
  const prefix = node.widgets?.find((widget) => widget.name === "filename_prefix");
  if (prefix) prefix.serializeValue = () => filledText(String(prefix.value ?? ""));
}

/**
 * Add the widget that ComfyUI's extension for audio takes for granted on each node with saved audio.
 *
 * Without it that extension stops at this node, and the players of the nodes after it stay empty.
 * The node has a player of its own, so nobody sees this widget.
 * @param {GraphNode} node
 */
function addAudioWidget(node) {
  node.addCustomWidget({
    name: "audioUI",
    type: "aigateway_audio",
    value: "",
    element: element("div"),
    serialize: false,
    hidden: true,
    options: { serialize: false, hidden: true, canvasOnly: true },
    computeSize: () => [0, -4],
  });
}
