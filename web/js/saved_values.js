/** @typedef {import("../../../scripts/app.js").GraphNode} GraphNode */
/** @typedef {import("../../../scripts/app.js").NodeDefinition} NodeDefinition */
/** @typedef {{place: number, exists: boolean}} Control */

/**
 * Saved values of widgets have no names: each belongs to the widget at its place. The widget that
 * says what happens to `take` after a run stands behind it in newer versions of ComfyUI only. So a
 * workflow of one version would shift the values behind `take` in another one.
 */
const CONTROLLED = "take";
const CONTROLS = ["fixed", "increment", "decrement", "randomize"];
const WIDGET_TYPES = ["STRING", "INT", "FLOAT", "BOOLEAN", "COMBO"];

/** @type {Map<string, Control>} by the type of the node */
const controls = new Map();

/**
 * Note where a node of this ComfyUI has the widget behind `take`.
 *
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
  controls.set(definition.name, { place: index + 1, exists });
}

/**
 * Put saved values where the widgets of this ComfyUI are, whenever the node gets them: from a
 * workflow, a blueprint or the clipboard.
 *
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

/**
 * @param {unknown[]} values
 * @param {Control} control
 */
function aligned(values, { place, exists }) {
  const isSaved = CONTROLS.includes(/** @type {string} */ (values[place]));
  if (exists && !isSaved && values.length > place) return values.toSpliced(place, 0, "fixed");
  return !exists && isSaved ? values.toSpliced(place, 1) : values;
}
