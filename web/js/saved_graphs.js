import { has, say } from "./words.js";

/** @typedef {{index: number, exists: boolean}} Control */

/**
 * Saved values of widgets have no names: each belongs to the widget at its index. Only newer
 * versions of ComfyUI have a widget after `take` for its change after each run. So a workflow of
 * one version would shift the values after `take` in another version.
 */
const CONTROLLED = "take";
const CONTROLS = ["fixed", "increment", "decrement", "randomize"];
const WIDGET_TYPES = ["STRING", "INT", "FLOAT", "BOOLEAN", "COMBO"];

/** @type {Map<string, Control>} by the type of the node */
const controls = new Map();

/**
 * Note the index of the widget after `take` in a node of this ComfyUI.
 * @param {NodeDefinition} definition
 */
export function noteControl(definition) {
  if (!definition.name.startsWith("AIGateway")) return;
  const inputs = Object.entries({ ...definition.input?.required, ...definition.input?.optional });
  const isWidget = (/** @type {unknown} */ type) =>
    Array.isArray(type) || WIDGET_TYPES.includes(String(type));
  const widgets = inputs.filter(([, [type]]) => isWidget(type));
  const index = widgets.findIndex(([name]) => name === CONTROLLED);
  if (index < 0) return;
  const exists = Boolean(widgets[index]?.[1][1]?.control_after_generate);
  controls.set(definition.name, { index: index + 1, exists });
}

/**
 * Give each saved value to its widget in this ComfyUI whenever a node gets saved values: from a
 * workflow, a blueprint or the clipboard.
 * @param {Pick<GraphNode, "comfyClass" | "configure">} node any node that was just made
 */
export function alignValues(node) {
  const control = controls.get(node.comfyClass ?? "");
  if (!control) return;
  const { configure } = node;
  node.configure = function (saved) {
    const values = saved.widgets_values;
    if (!Array.isArray(values)) return configure.call(this, saved);
    return configure.call(this, { ...saved, widgets_values: aligned(values, control) });
  };
}

/** @type {(values: unknown[], control: Control) => unknown[]} */
function aligned(values, { index, exists }) {
  const isSaved = CONTROLS.includes(/** @type {string} */ (values[index]));
  if (exists && !isSaved && values.length > index) return values.toSpliced(index, 0, "fixed");
  return !exists && isSaved ? values.toSpliced(index, 1) : values;
}

/**
 * Name the fields of an App in the page's language, if its file names the key of our words.
 *
 * ComfyUI's own nodes have fields such as `value`, so an example names them. A name that a person
 * gave stays: ComfyUI then saves the field with another id.
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
