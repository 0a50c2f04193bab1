import { app, isApp, resultsInApp } from "./comfy.js";
import { say } from "./words.js";

/**
 * Make an element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [properties] set on the element; `class`, `aria-…` and `data-…`
 *     as attributes, functions named `on…` as listeners
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function")
      made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "class" || name.includes("-")) made.setAttribute(name, String(value));
    else Object.assign(made, { [name]: value });
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * Center a box that lies over the page on an App's results. Without an App it stays.
 * @param {HTMLElement} over
 */
export function centerOnResults(over) {
  const results = resultsInApp()?.getBoundingClientRect();
  if (results) over.style.left = `${(results.left + results.right) / 2}px`;
}

/**
 * A button with an icon and a label for screen readers.
 * @param {string} icon the name of a PrimeIcon
 * @param {string} label
 * @param {() => unknown} act
 */
export function iconButton(icon, label, act) {
  const properties = { class: "aigateway-icon", type: "button", title: label, "aria-label": label };
  /** @param {Event} event */
  const onclick = (event) => {
    event.stopPropagation();
    act();
  };
  return element(
    "button",
    { ...properties, onclick },
    element("i", { class: `pi pi-${icon}`, "aria-hidden": true }),
  );
}

/**
 * Show another icon and label on a button.
 * @param {HTMLButtonElement} button made by `iconButton`
 * @param {string} icon
 * @param {string} label
 */
export function setIcon(button, icon, label) {
  button.title = label;
  button.setAttribute("aria-label", label);
  button.firstElementChild?.setAttribute("class", `pi pi-${icon}`);
}

/** A link that saves a file under the name that the server gives it. @param {string} [href] */
export function downloadLink(href = "") {
  const label = say("download");
  const properties = { class: "aigateway-icon", title: label, "aria-label": label, download: "" };
  const icon = element("i", { class: "pi pi-download", "aria-hidden": true });
  return element("a", { ...properties, href }, icon);
}

/**
 * The content of a row.
 *
 * An App on the classic canvas mounts it, and so does the canvas behind the App, which is hidden.
 * Give the row back to the App when the canvas takes it.
 */
class Row extends HTMLElement {
  /** @type {HTMLElement | null} */
  placeInApp = null;

  connectedCallback() {
    const parent = this.parentElement;
    if (!parent?.closest(".dom-widget")) this.placeInApp = parent;
    else if (isApp() && this.placeInApp?.isConnected)
      queueMicrotask(() => this.placeInApp?.replaceChildren(this));
  }
}
customElements.define("aigateway-row", Row);

/**
 * Put an element under the widgets of a node. It appears neither in workflow files nor in lists of
 * the node's inputs.
 * @param {GraphNode} node
 * @param {string} name
 * @param {HTMLElement} content made as an `aigateway-row`
 * @param {number} height in pixels; a hidden element takes none
 * @param {string} [label] the name of the row in an App
 */
export function addRow(node, name, content, height, label) {
  const widget = node.addDOMWidget(name, name, content, {
    serialize: false,
    // The properties panel leaves it out.
    hideInPanel: true,
    disabled: true,
    hideOnZoom: false,
    getValue: () => content.textContent,
    getMinHeight: () => (content.hidden ? 0 : height),
    getMaxHeight: () => (content.hidden ? 0 : height),
    margin: 4,
  });
  followView(widget);
  rows.add(new WeakRef(widget));
  widget.serialize = false;
  if (label) widget.label = label;
  leaveToCanvas(content);
  makeRoom(node);
}

/** @type {Set<WeakRef<NodeWidget>>} */
const rows = new Set();
const CHECK_MILLISECONDS = 250;
let wasApp = false;

/**
 * `canvasOnly` hides a row from Apps and from the App builder, `disabled` from Nodes 2.0. So the
 * first depends on the view. ComfyUI copies the options, so it is added to the copy. Newer versions
 * read it only when it is defined.
 * @param {NodeWidget} widget
 */
function followView(widget) {
  Object.defineProperty(widget.options, "canvasOnly", {
    get: () => !window.LiteGraph.vueNodesMode && !isApp(),
    enumerable: true,
    configurable: true,
  });
}

export const watchRows = () => setInterval(followViews, CHECK_MILLISECONDS);

function followViews() {
  if (isApp() === wasApp) return;
  wasApp = !wasApp;
  for (const row of rows) {
    const widget = row.deref();
    if (widget) followView(widget);
    else rows.delete(row);
  }
}

/** Make a node as large as its widgets need. @param {GraphNode} node */
export function makeRoom(node) {
  const [width, needed] = node.computeSize();
  node.setSize?.([Math.max(node.size[0], width), Math.max(node.size[1], needed)]);
}

/** How long something of ComfyUI's may take to appear. */
const PATIENCE_MILLISECONDS = 5000;

/**
 * Wait until something appears on the page.
 * @template Found
 * @param {() => Found | null | undefined} find
 * @returns {Promise<Found | null>} null if it does not appear
 */
export async function found(find) {
  const end = performance.now() + PATIENCE_MILLISECONDS;
  while (performance.now() < end) {
    const one = find();
    if (one) return one;
    await new Promise(requestAnimationFrame);
  }
  return null;
}

/** @param {unknown} error any thrown value */
export const sentenceOf = (error) => (error instanceof Error ? error.message : String(error));

const MIDDLE = 1;
const MIDDLE_HELD = 4;

/**
 * Let the wheel zoom and the middle button pan over an element of the classic canvas. In Nodes 2.0
 * ComfyUI does so for all elements.
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

/** @type {(severity: "info" | "warn" | "error", detail: string) => void} */
export function notify(severity, detail) {
  app.extensionManager.toast.add({ severity, summary: say("music"), detail, life: 8000 });
}
