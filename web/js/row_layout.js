/** @typedef {[number, number]} Pair x and y, or width and height */
/** @typedef {{pos: Pair, size: Pair}} Box */

const GAP = 60;

/**
 * Where to put boxes: in a row, with its middle at `center`, or lower where others are in the way.
 *
 * @param {Pair[]} sizes of the boxes
 * @param {Pair} center x of the row's middle, y of its upper edge
 * @param {Box[]} others
 * @returns {Pair[]} the position of each box
 */
export function positionsInRow(sizes, center, others) {
  const width = sizes.reduce((sum, size) => sum + size[0] + GAP, -GAP);
  const height = Math.max(...sizes.map((size) => size[1]));
  const left = center[0] - width / 2;
  let top = center[1];
  /** @param {Box} other */
  const isInTheWay = ({ pos, size }) =>
    pos[0] < left + width &&
    left < pos[0] + size[0] &&
    pos[1] < top + height &&
    top < pos[1] + size[1];
  for (let hit = others.find(isInTheWay); hit; hit = others.find(isInTheWay))
    top = hit.pos[1] + hit.size[1] + GAP;
  let x = left;
  return sizes.map((size) => {
    /** @type {Pair} */
    const position = [x, top];
    x += size[0] + GAP;
    return position;
  });
}
