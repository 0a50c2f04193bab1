import { api, rootGraph } from "./comfy.js";
import { itemsOf, MUSIC_LENGTH, sourcesOf } from "./inputs.js";
import { onTabOf } from "./runs.js";
import { hostedNodeOf } from "./subgraphs.js";

/**
 * The length and the tempo that each Music Length gave last.
 * @type {WeakMap<GraphNode, string>}
 */
const given = new WeakMap();

/** @param {GraphNode} node */
const keptWidget = ({ widgets }) => widgets?.find(({ name }) => name === "kept");

/**
 * Send the widget `kept` only while `keep` is on, because a new text would run the graph again.
 * @param {GraphNode} node any node that was just made
 */
export function keepLength(node) {
  const kept = node.comfyClass === MUSIC_LENGTH ? keptWidget(node) : undefined;
  if (!kept) return;
  kept.serializeValue = () => {
    const { items } = itemsOf(node, "keep", rootGraph());
    return items[0] === false ? "" : kept.value;
  };
}

/** Write the length of each ordered track into the Music Length that it came from. */
export function watchKeptMusic() {
  api.addEventListener("executed", ({ detail }) => {
    const { output, prompt_id, display_node, node } = detail;
    const [length] = /** @type {string[]} */ (output?.aigateway_length ?? []);
    if (!length && !output?.aigateway_track) return;
    onTabOf(prompt_id, () => {
      const hosted = hostedNodeOf(rootGraph(), display_node ?? node);
      if (!hosted) return;
      if (length) given.set(hosted.node, length);
      else for (const source of sourcesOf(hosted, MUSIC_LENGTH, rootGraph())) remember(source);
    });
  });
}

/** @param {GraphNode} source */
function remember(source) {
  const kept = keptWidget(source);
  const text = given.get(source);
  if (!kept || !text) return;
  kept.value = text;
  source.setDirtyCanvas?.(true);
}
