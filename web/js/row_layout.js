const GAP = 60;
/** The title of a node stands above its position. */
const TITLE = 30;

/**
 * Positions for boxes in a row with its middle at `center`, or lower if other boxes are in the way.
 * @param {Vector[]} sizes of the boxes, without their titles
 * @param {Vector} center x of the row's middle, y of its upper edge
 * @param {Box[]} others
 * @returns {Vector[]} the position of each box
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
    pos[1] - TITLE < top + height &&
    top - TITLE < pos[1] + size[1];
  for (let hit = others.find(isInTheWay); hit; hit = others.find(isInTheWay))
    top = hit.pos[1] + hit.size[1] + TITLE + GAP;
  return inRow(sizes, [left, top]);
}

/**
 * The positions of boxes in a row.
 * @param {Vector[]} sizes
 * @param {Vector} first the position of the first box
 */
export function inRow(sizes, [left, top]) {
  let x = left;
  return sizes.map((size) => {
    /** @type {Vector} */
    const position = [x, top];
    x += size[0] + GAP;
    return position;
  });
}

/**
 * The part of an area that panels at its sides leave free.
 * @param {Edges} area
 * @param {Edges[]} panels
 * @returns {Edges}
 */
export function freeOf(area, panels) {
  const middle = (area.left + area.right) / 2;
  let { left, right } = area;
  for (const panel of panels) {
    if (panel.right <= panel.left) continue;
    if (panel.left < middle && panel.right < area.right) left = Math.max(left, panel.right);
    else if (panel.left > area.left) right = Math.min(right, panel.left);
  }
  // An area may be a DOMRect, whose edges a spread does not copy.
  return { left, right, top: area.top, bottom: area.bottom };
}
