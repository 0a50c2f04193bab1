/** @typedef {import("./comfy.js").Canvas} Canvas */
/** @typedef {import("./comfy.js").GraphNode} GraphNode */
/** @typedef {import("./comfy.js").Pointer} Pointer */
/** @typedef {import("./comfy.js").Widget} Widget */

/** The arrows at both ends of a list's field, in pixels of the graph. */
const ARROW = 40;

/**
 * Let a list show a label for each of its values. The value that is chosen and saved stays as it is.
 *
 * @param {Widget} widget
 * @param {(value: string) => string} labelOf
 */
export function labelValues(widget, labelOf) {
  if (!widget.options) return;
  widget.options.getOptionLabel = (value) => labelOf(value ?? "");
  // The menu that the classic canvas makes of labels has no field to search in, and shows few of
  // them near the lower edge of the window. Its menu of plain texts has neither fault.
  widget.onPointerDown = (pointer, node, canvas) => {
    const values = widget.options?.values;
    if (!Array.isArray(values) || isOnArrow(widget, node, canvas)) return false;
    pointer.onClick = (event) => {
      const labels = values.map((value) => labelOf(String(value)));
      new window.LiteGraph.ContextMenu(labels, {
        event,
        scale: Math.max(1, canvas.ds.scale),
        className: "dark",
        callback: (label) =>
          widget.setValue?.(values[labels.indexOf(label)], { e: event, node, canvas }),
      });
    };
    pointer.finally = () => {
      canvas.node_widget = null;
    };
    return true;
  };
}

/**
 * @param {Widget} widget
 * @param {GraphNode} node
 * @param {Canvas} canvas
 */
function isOnArrow(widget, node, canvas) {
  const x = (canvas.graph_mouse?.[0] ?? 0) - node.pos[0];
  return x < ARROW || x > (widget.width || node.size[0]) - ARROW;
}
