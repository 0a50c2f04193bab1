import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

/** ComfyUI's own modules: no other file of ours names them. */
export { api, app };

/** The graph that holds all others. */
export const rootGraph = () => app.rootGraph ?? app.graph;

/**
 * Replace `%date:…%` and `%Node.widget%` in a text as ComfyUI does.
 *
 * Its module for that warns of every import, and an import that fails would stop the pack.
 * @param {string} text
 */
export const filledText = (text) =>
  window.comfyAPI?.utils?.applyTextReplacements?.(app, text) ?? text;

/** Whether this ComfyUI has Apps, which show fields and results. */
export function knowsApps() {
  const tab = app.extensionManager?.workflow?.activeWorkflow;
  return !tab || "initialMode" in tab;
}

/** Whether the page shows the graph as an App: its fields and its results, without its nodes. */
export function isApp() {
  const tab = app.extensionManager?.workflow?.activeWorkflow;
  const mode = tab?.activeMode ?? tab?.initialMode;
  return mode === "app" || mode === "builder:arrange";
}

/**
 * The first field of a node that the App on the page shows. Its item names the widget's graph, node
 * and name.
 * @param {GraphNode} node
 * @returns {HTMLElement | null}
 */
export const fieldInApp = ({ id }) =>
  document.querySelector(`[data-widget-key*=":${id}:"] :is(textarea, input)`);

/** The element in which the App on the page shows its results; null without an App. */
export const resultsInApp = () => document.querySelector("#linearCenterPanel");
