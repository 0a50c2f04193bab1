import { app } from "./comfy.js";
import { element } from "./dom.js";

const PLAIN = { fgColor: "#fff", bgColor: "#1c5a45" };
const WARNING = { fgColor: "#fff", bgColor: "#a02018" };

/**
 * The price in the title of a node. It stays there when the node is collapsed.
 *
 * The classic canvas draws the badges of a node at its title. Nodes 2.0 draws a badge in the title
 * only if it has the icon of Comfy's credits, but these prices are not credits. It draws other
 * badges at the foot, and a collapsed node has no foot. So the price is an element in the title.
 */
export class TitlePrice {
  /** @param {GraphNode} node */
  constructor(node) {
    this.node = node;
    this.isGone = false;
    this.chip = element("span", { class: "aigateway-title-price", hidden: true });
    this.badge = new window.LGraphBadge({ text: "" });
    node.badges?.push(() => this.badge);
  }

  /** @type {(text: string, isWarning: boolean) => void} */
  show(text, isWarning) {
    this.chip.textContent = text;
    this.chip.hidden = !text;
    const { fgColor, bgColor } = isWarning ? WARNING : PLAIN;
    Object.assign(this.chip.style, { color: fgColor, background: bgColor });
    Object.assign(this.badge, { fgColor, bgColor });
    this.update();
  }

  /** Put the price into the present view: the classic canvas or Nodes 2.0. */
  update() {
    const { chip } = this;
    const isClassic = !window.LiteGraph.vueNodesMode;
    this.badge.text = isClassic ? (chip.textContent ?? "") : "";
    const title = isClassic || this.isGone ? null : this.title();
    if (!title) chip.remove();
    else if (chip.parentElement !== title) title.append(chip);
  }

  /** The title's row of elements, where Nodes 2.0 shows the node. */
  title() {
    const { id, graph } = this.node;
    if (graph !== (app.canvas.graph ?? app.graph)) return null;
    const name = `node-header-${id}`;
    const around = this.chip.closest("[data-testid]");
    const header =
      around?.getAttribute("data-testid") === name
        ? around
        : document.querySelector(`[data-testid="${CSS.escape(name)}"]`);
    return header?.firstElementChild ?? null;
  }

  /** The node is gone. A price that is still on its way shows nothing. */
  remove() {
    this.isGone = true;
    this.chip.remove();
  }
}
