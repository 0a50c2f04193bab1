import { inGraph, pickUp } from "./graph.js";

const KIND = "application/x-aigateway-track";

/**
 * Let a row be dragged to the canvas.
 *
 * @param {HTMLElement} row
 * @param {import("./server.js").Track} track
 */
export function makeDraggable(row, track) {
  row.draggable = true;
  row.addEventListener("dragstart", ({ dataTransfer }) => {
    dataTransfer?.setData(KIND, JSON.stringify(track));
    if (dataTransfer) dataTransfer.effectAllowed = "copy";
  });
}

/** Pick up the tracks that are dropped on the canvas. ComfyUI does not see those events. */
export function watchDrops() {
  /** @param {DragEvent} event */
  const isOurs = ({ dataTransfer, target }) =>
    dataTransfer?.types.includes(KIND) &&
    !(target instanceof Element && target.closest(".aigateway-tab"));
  document.addEventListener(
    "dragover",
    (event) => {
      if (isOurs(event)) event.preventDefault();
    },
    true,
  );
  document.addEventListener(
    "drop",
    (event) => {
      if (!isOurs(event)) return;
      event.preventDefault();
      event.stopPropagation();
      const track = JSON.parse(event.dataTransfer?.getData(KIND) ?? "");
      pickUp(track, inGraph(event.clientX, event.clientY));
    },
    true,
  );
}
