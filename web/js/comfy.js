import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

/** @typedef {import("../../../scripts/app.js").Graph} Graph */
/** @typedef {import("../../../scripts/app.js").GraphNode} GraphNode */
/** @typedef {import("../../../scripts/app.js").Link} Link */

/** ComfyUI's own modules, named in one place. */
export { api, app };

/** The graph that holds all others. */
export const rootGraph = () => app.rootGraph ?? app.graph;

/**
 * Replace `%date:…%` and `%Node.widget%` in a text as ComfyUI does.
 *
 * Its module for that warns of every import, and what cannot be imported would stop the pack.
 *
 * @param {string} text
 */
export const filledText = (text) =>
  window.comfyAPI?.utils?.applyTextReplacements?.(app, text) ?? text;
