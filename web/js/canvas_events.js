import { app } from "./comfy.js";

const MIDDLE = 1;
const MIDDLE_HELD = 4;

/**
 * Let the wheel zoom and the middle button pan over an element of the classic canvas. In Nodes 2.0
 * ComfyUI does so for all elements.
 *
 * @param {HTMLElement} content
 */
export function leaveToCanvas(content) {
  const { canvas } = app;
  const isClassic = () => !window.LiteGraph.vueNodesMode;
  content.addEventListener(
    "wheel",
    (event) => {
      if (isClassic()) canvas.processMouseWheel?.(event);
    },
    { passive: false },
  );
  content.addEventListener("pointerdown", (event) => {
    if (isClassic() && event.button === MIDDLE) canvas.processMouseDown?.(event);
  });
  content.addEventListener("pointermove", (event) => {
    if (isClassic() && event.buttons & MIDDLE_HELD) canvas.processMouseMove?.(event);
  });
  content.addEventListener("pointerup", (event) => {
    if (isClassic() && event.button === MIDDLE) canvas.processMouseUp?.(event);
  });
}
