import { api, knowsApps } from "./comfy.js";

/** The template to begin with. */
const FIRST = "Text to Music";
/** The folder that ComfyUI serves this module from: `/extensions/<folder>/js/templates.js`. */
const FOLDER = decodeURIComponent(new URL(import.meta.url).pathname.split("/").at(-3) ?? "");

/**
 * Put the template to begin with first, and the others in alphabetical order.
 *
 * ComfyUI's server lists the files in the order in which the disk holds them, and its template
 * browser keeps that order.
 */
export function orderTemplates() {
  const ask = api.getWorkflowTemplates;
  api.getWorkflowTemplates = async function () {
    const templates = await ask.apply(this);
    templates[FOLDER]?.sort(
      (a, b) => Number(b === FIRST) - Number(a === FIRST) || a.localeCompare(b),
    );
    return templates;
  };
}

/**
 * Show an App as a graph where ComfyUI has no Apps: the simple view of 0.8 shows no results.
 * @param {SavedGraph} graph is changed in place
 */
export function showNodes({ extra }) {
  if (extra?.linearData && !knowsApps()) extra.linearMode = false;
}
