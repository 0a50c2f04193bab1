/** Seconds: listeners do not notice a smaller difference at a switch between two tracks. */
const NEAR = 0.015;
/** Seconds: for a larger difference, a jump is faster than a change of speed. */
const FAR = 0.5;
/** Largest change of the speed of a silent track. */
const MOST = 0.5;

/**
 * The speed at which a silent track reaches the position of the audible one.
 * @param {number} ahead seconds that the silent one is ahead; negative where it is behind
 * @returns {number | null} its rate; null where it has to jump
 */
export function chase(ahead) {
  if (Math.abs(ahead) > FAR) return null;
  if (Math.abs(ahead) < NEAR) return 1;
  return 1 - Math.max(-MOST, Math.min(MOST, 2 * ahead));
}

/**
 * The side, 0 or 1, that a picked track takes or leaves.
 * @param {(string | null)[]} picked the ids on both sides
 * @param {string} id
 * @param {number} heard the side that is heard: it keeps its track
 */
export function sideFor(picked, id, heard) {
  if (picked.includes(id)) return picked.indexOf(id);
  return picked.includes(null) ? picked.indexOf(null) : 1 - heard;
}
