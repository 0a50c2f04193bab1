/**
 * Rows that are read from the server page by page.
 * @template Row
 */
export class Pages {
  /**
   * @param {number} size rows of a page
   * @param {(offset: number, limit: number) => Promise<{rows: Row[], total: number} | null>} read
   *     null where there is no answer
   */
  constructor(size, read) {
    this.size = size;
    this.read = read;
    /** How many rows there are on the server. */
    this.total = 0;
    /** @type {Map<number, Row[]>} by the page's number */
    this.rows = new Map();
    /** @type {Map<number, symbol>} the newest read of each page that is being read */
    this.reading = new Map();
  }

  /** Forget all rows. Answers that are under way are dropped. */
  clear() {
    this.rows.clear();
    this.reading.clear();
  }

  /**
   * The row at an index, if it has been read.
   * @param {number} index
   * @returns {Row | undefined}
   */
  at(index) {
    return this.rows.get(Math.floor(index / this.size))?.[index % this.size];
  }

  /**
   * Of some rows, read the missing ones.
   * @param {number} first
   * @param {number} end one more than the last
   */
  async fill(first, end) {
    const missing = this.numbers(first, Math.min(end, this.total)).filter(
      (number) => !this.rows.has(number) && !this.reading.has(number),
    );
    await Promise.all(missing.map((number) => this.load(number)));
    return missing.length > 0;
  }

  /**
   * Read some rows again, and forget all others.
   * @param {number} first
   * @param {number} end one more than the last
   */
  async refresh(first, end) {
    // The first page has the number of all rows: read it, even if no row seems to be there.
    const wanted = this.numbers(first, Math.max(end, first + 1));
    for (const number of this.rows.keys()) if (!wanted.includes(number)) this.rows.delete(number);
    await Promise.all(wanted.map((number) => this.load(number)));
  }

  /** @type {(first: number, end: number) => number[]} */
  numbers(first, end) {
    const start = Math.floor(first / this.size);
    const count = Math.ceil(end / this.size) - start;
    return Array.from({ length: Math.max(0, count) }, (_, index) => start + index);
  }

  /** @param {number} number */
  async load(number) {
    const mine = Symbol(number);
    this.reading.set(number, mine);
    try {
      const answer = await this.read(number * this.size, this.size);
      if (!answer || this.reading.get(number) !== mine) return;
      this.rows.set(number, answer.rows);
      this.total = answer.total;
    } finally {
      if (this.reading.get(number) === mine) this.reading.delete(number);
    }
  }
}

/** Rows that are drawn above and below those that are visible. */
const MARGIN = 2;

/**
 * The indexes of the rows to draw.
 * @param {{scrollTop: number, clientHeight: number}} view
 * @param {number} rowHeight
 * @param {number} total
 * @returns {{first: number, end: number}} `end` is one more than the last
 */
export function rowsInView({ scrollTop, clientHeight }, rowHeight, total) {
  const end = Math.min(total, Math.ceil((scrollTop + clientHeight) / rowHeight) + MARGIN);
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - MARGIN);
  return { first: Math.min(first, end), end };
}
