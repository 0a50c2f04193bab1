/** @typedef {import("../../../scripts/app.js").NodeDefinition} NodeDefinition */
/** @typedef {import("../../../scripts/app.js").SavedGraph} SavedGraph */

/**
 * Saved values of widgets have no names: each belongs to the widget at its place. The widget that
 * says what happens to `take` after a run stands behind it in newer versions of ComfyUI only. So a
 * workflow of one version would shift the values behind `take` in another one.
 */
const CONTROLLED = "take";
const CONTROLS = ["fixed", "increment", "decrement", "randomize"];
const WIDGET_TYPES = ["STRING", "INT", "FLOAT", "BOOLEAN", "COMBO"];

/** @type {Map<string, {place: number, exists: boolean}>} by the type of the node */
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
 * Put the saved values of this pack's nodes where the widgets of this ComfyUI are.
 *
 * @param {SavedGraph} graph is changed in place
 */
export function alignValues(graph) {
  const graphs = [graph, ...(graph.definitions?.subgraphs ?? [])];
  for (const { type, widgets_values } of graphs.flatMap(({ nodes }) => nodes ?? [])) {
    const control = controls.get(type);
    if (!control || !Array.isArray(widgets_values)) continue;
    const { place, exists } = control;
    const isSaved = CONTROLS.includes(/** @type {string} */ (widgets_values[place]));
    if (exists && !isSaved && widgets_values.length > place)
      widgets_values.splice(place, 0, "fixed");
    if (!exists && isSaved) widgets_values.splice(place, 1);
  }
}
