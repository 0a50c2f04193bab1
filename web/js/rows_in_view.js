/** Rows that are drawn above and below those that are visible. */
const MARGIN = 2;

/**
 * The indexes of the rows to draw.
 *
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
