import { has, say } from "./words.js";

/** @typedef {import("../../../scripts/app.js").SavedGraph} SavedGraph */

/**
 * Name the fields of an App in the page's language, where its file says by which of our words.
 *
 * ComfyUI's own nodes have fields such as `value`, so an example names them. A name that a person
 * gave stays: ComfyUI then saves the field with another id.
 *
 * @param {SavedGraph} graph is changed in place
 */
export function nameFields({ nodes, extra }) {
  for (const [id, name, shown] of extra?.linearData?.inputs ?? []) {
    if (!shown?.say || !has(shown.say)) continue;
    const node = nodes?.find((each) => String(each.id) === String(id));
    const slot = node?.inputs?.find(({ widget }) => widget?.name === name);
    if (slot) slot.label = say(shown.say, { n: shown.n ?? "" });
  }
}
