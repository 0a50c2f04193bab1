import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

/** @typedef {import("../../../scripts/app.js").Graph} Graph */
/** @typedef {import("../../../scripts/app.js").GraphNode} GraphNode */

/** ComfyUI's own modules, named in one place. */
export { api, app };

/** The graph that holds all others. */
export const rootGraph = () => app.rootGraph ?? app.graph;
