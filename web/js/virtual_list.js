import { element } from "./dom.js";

/**
 * A list of rows of one height that holds only those that are on the screen, and reads the data
 * of only those pages that were looked at.
 *
 * @template Row
 */
export class VirtualList {
  /**
   * @param {object} options
   * @param {number} options.rowHeight
   * @param {number} options.pageSize
   * @param {(offset: number, limit: number) => Promise<{rows: Row[], total: number} | null>}
   *     options.read null where the answer is not wanted any more
   * @param {(row: Row) => HTMLElement} options.draw
   * @param {(row: Row) => string} options.identify changes when the row looks different
   */
  constructor({ rowHeight, pageSize, read, draw, identify }) {
    this.rowHeight = rowHeight;
    this.pageSize = pageSize;
    this.read = read;
    this.draw = draw;
    this.identify = identify;
    this.total = 0;
    /** @type {Map<number, Row[]>} by their number */
    this.pages = new Map();
    /** @type {Set<number>} */
    this.reading = new Set();
    /** @type {Map<number, {identity: string, made: HTMLElement}>} by their place */
    this.drawn = new Map();
    this.space = element("div", { class: "aigateway-space", role: "list" });
    this.element = element("div", { class: "aigateway-list", tabIndex: 0 }, this.space);
    this.element.addEventListener("scroll", () => this.show(), { passive: true });
    this.observer = new ResizeObserver(() => this.show());
    this.observer.observe(this.element);
  }

  close() {
    this.observer.disconnect();
  }

  /** Begin again from the top, for example with another search. */
  async restart() {
    this.pages.clear();
    this.reading.clear();
    this.element.scrollTop = 0;
    await this.load(0);
  }

  /** Read again what is on the screen; what is not will be read when it is looked at. */
  async refresh() {
    const wanted = this.wantedPages();
    for (const page of this.pages.keys()) if (!wanted.includes(page)) this.pages.delete(page);
    await Promise.all(wanted.map((page) => this.load(page)));
  }

  places() {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this.rowHeight) - 2);
    const last = Math.ceil((scrollTop + clientHeight) / this.rowHeight) + 2;
    return { first, last: Math.min(this.total, last) };
  }

  wantedPages() {
    const { first, last } = this.places();
    const start = Math.floor(first / this.pageSize);
    const end = Math.floor(Math.max(first, last - 1) / this.pageSize);
    return Array.from({ length: end - start + 1 }, (_, index) => start + index);
  }

  /** @param {number} page */
  async load(page) {
    if (this.reading.has(page)) return;
    this.reading.add(page);
    try {
      const answer = await this.read(page * this.pageSize, this.pageSize);
      if (!answer) return;
      this.pages.set(page, answer.rows);
      this.total = answer.total;
    } finally {
      this.reading.delete(page);
    }
    this.show();
  }

  show() {
    this.space.style.height = `${this.total * this.rowHeight}px`;
    const { first, last } = this.places();
    for (const page of this.wantedPages())
      if (!this.pages.has(page) && page * this.pageSize < this.total) void this.load(page);
    for (const [place, { made }] of this.drawn) {
      if (place >= first && place < last) continue;
      made.remove();
      this.drawn.delete(place);
    }
    for (let place = first; place < last; place++) this.showRow(place);
  }

  /** @param {number} place */
  showRow(place) {
    const row = this.pages.get(Math.floor(place / this.pageSize))?.[place % this.pageSize];
    if (!row) return;
    const identity = this.identify(row);
    const old = this.drawn.get(place);
    if (old?.identity === identity) return;
    const made = this.draw(row);
    made.style.top = `${place * this.rowHeight}px`;
    if (old) old.made.replaceWith(made);
    else this.space.append(made);
    this.drawn.set(place, { identity, made });
  }
}
