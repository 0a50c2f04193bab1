import { showInApp } from "./app_status.js";
import { api, rootGraph } from "./comfy.js";
import { addRow, element } from "./dom.js";
import { stepButton } from "./next_steps.js";
import { onTabOf } from "./runs.js";
import { placeOf } from "./subgraphs.js";
import { has, isEnglish, say } from "./words.js";

/** @typedef {import("./comfy.js").GraphNode} GraphNode */
/** @typedef {import("./next_steps.js").Step} Step */
/**
 * A line that a running node shows.
 *
 * @typedef {object} Status
 * @property {string} node its execution's id
 * @property {string} prompt_id the run
 * @property {string} text in English
 * @property {{key: string, values: Record<string, string>}[]} parts its sentences, to be said in
 *     the page's language; none for a text that has no words of ours
 * @property {Step | ""} step that the line offers
 */

const HEIGHT = 40;

/** @type {WeakMap<GraphNode, HTMLElement>} */
const lines = new WeakMap();

/** Show the status lines of our nodes, also on the subgraphs' nodes around them. */
export function watchStatus() {
  api.addEventListener("aigateway_status", ({ detail }) =>
    onTabOf(detail.prompt_id, () => {
      showInApp(detail, statusText(detail));
      const place = placeOf(rootGraph(), detail.node);
      for (const node of place ? [place.node, ...place.hosts] : []) show(node, detail);
    }),
  );
}

/**
 * A status in the page's language.
 *
 * @param {Pick<Status, "text" | "parts">} status
 */
export function statusText({ text, parts }) {
  if (isEnglish() || !parts.length || !parts.every(({ key }) => has(key))) return text;
  return parts.map(({ key, values }) => say(key, values)).join(" · ");
}

/**
 * @param {GraphNode} node
 * @param {Status} status
 */
function show(node, status) {
  let line = lines.get(node);
  if (!line) {
    line = element("div", { class: "aigateway-status", role: "status", tabIndex: 0 });
    lines.set(node, line);
    addRow(node, "aigateway_status", line, HEIGHT);
  }
  const text = statusText(status);
  const step = status.step ? [" · ", stepButton(status.step)] : [];
  line.replaceChildren(text, ...step);
  line.title = text;
}
