import { element } from "./dom.js";
import { rowsInView } from "./pages.js";

/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/**
 * A list of rows of one height. It holds only the elements of those that are visible.
 * @template Row
 */
export class VirtualList {
  /**
   * @param {object} options
   * @param {string} options.label says what the list holds
   * @param {number} options.rowHeight in pixels
   * @param {import("./pages.js").Pages<Row>} options.pages
   * @param {(row: Row) => HTMLElement} options.draw
   * @param {(row: Row) => string} options.identify changes when the row has to be drawn again
   */
  constructor({ label, rowHeight, pages, draw, identify }) {
    this.rowHeight = rowHeight;
    this.pages = pages;
    this.draw = draw;
    this.identify = identify;
    /** @type {Map<number, {identity: string, made: HTMLElement}>} by the row's index */
    this.drawn = new Map();
    this.space = element("div", { class: "aigateway-space", role: "list", "aria-label": label });
    this.element = element("div", { class: "aigateway-list", tabIndex: 0 }, this.space);
    this.element.addEventListener("scroll", () => void this.show(), { passive: true });
    this.element.addEventListener("keydown", (event) => void this.press(event));
    this.observer = new ResizeObserver(() => void this.show());
    this.observer.observe(this.element);
  }

  close() {
    this.observer.disconnect();
  }

  /** Begin again from the top, for example with another search. */
  async restart() {
    this.pages.clear();
    this.element.scrollTop = 0;
    await this.refresh();
  }

  /** Read the visible rows again. */
  async refresh() {
    const { first, end } = this.inView();
    await this.pages.refresh(first, end);
    await this.show();
  }

  inView() {
    return rowsInView(this.element, this.rowHeight, this.pages.total);
  }

  /** Draw the visible rows, and read those that are missing. */
  async show() {
    this.drawRows();
    const { first, end } = this.inView();
    if (await this.pages.fill(first, end)) this.drawRows();
  }

  /** Move the focus by a row: from a button to the same one. @param {KeyboardEvent} event */
  async press(event) {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const focused = document.activeElement;
    const [from] = [...this.drawn].find(([, { made }]) => made.contains(focused)) ?? [];
    const index = from === undefined ? this.inView().first : from + step;
    if (index < 0 || index >= this.pages.total) return;
    const top = index * this.rowHeight;
    const lowest = top + this.rowHeight - this.element.clientHeight;
    this.element.scrollTop = Math.max(lowest, Math.min(top, this.element.scrollTop));
    await this.show();
    const row = this.drawn.get(index)?.made;
    const action = focused instanceof HTMLElement ? focused.dataset.action : undefined;
    const button = row?.querySelector(`[data-action="${action}"]`) ?? row?.querySelector("button");
    if (button instanceof HTMLElement) button.focus({ preventScroll: true });
  }

  drawRows() {
    this.space.style.height = `${this.pages.total * this.rowHeight}px`;
    const { first, end } = this.inView();
    for (const [index, { made }] of this.drawn) {
      if (index >= first && index < end) continue;
      // The keys of a keyboard go on to move the list.
      if (made.contains(document.activeElement)) this.element.focus({ preventScroll: true });
      made.remove();
      this.drawn.delete(index);
    }
    for (let index = first; index < end; index++) this.drawRow(index);
    for (const [index, { made }] of this.drawn) {
      made.setAttribute("aria-posinset", String(index + 1));
      made.setAttribute("aria-setsize", String(this.pages.total));
    }
  }

  /** @param {number} index */
  drawRow(index) {
    const row = this.pages.at(index);
    if (row === undefined) return;
    const identity = this.identify(row);
    const old = this.drawn.get(index);
    if (old?.identity === identity) return;
    const made = this.draw(row);
    made.style.top = `${index * this.rowHeight}px`;
    if (old) replace(old.made, made);
    else this.space.append(made);
    this.drawn.set(index, { identity, made });
  }
}

/**
 * Replace a row by another. A button that has the focus hands it to the same one.
 * @param {HTMLElement} old
 * @param {HTMLElement} made
 */
function replace(old, made) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const action = focused instanceof HTMLElement ? focused.dataset.action : undefined;
  old.replaceWith(made);
  if (action)
    /** @type {HTMLElement | null} */ (made.querySelector(`[data-action=${action}]`))?.focus();
}
