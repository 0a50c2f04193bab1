/** In seconds: a difference that no ear notices when it switches between two tracks. */
const NEAR = 0.015;
/** In seconds: from here on a jump is quicker than a chase. */
const FAR = 0.5;
/** How much faster, or slower, a track may run while nobody hears it. */
const MOST = 0.5;

/**
 * How fast a silent track has to run to come beside the one that is heard.
 * @param {number} ahead seconds that the silent one is ahead; negative where it is behind
 * @returns {number | null} its rate; null where it has to jump
 */
export function chase(ahead) {
  if (Math.abs(ahead) > FAR) return null;
  if (Math.abs(ahead) < NEAR) return 1;
  return 1 - Math.max(-MOST, Math.min(MOST, 2 * ahead));
}

/**
 * The side, 0 or 1, that a track takes, or leaves, when a person picks it.
 * @param {(string | null)[]} picked the ids on both sides
 * @param {string} id
 * @param {number} heard the side that is heard: it keeps its track
 */
export function sideFor(picked, id, heard) {
  if (picked.includes(id)) return picked.indexOf(id);
  return picked.includes(null) ? picked.indexOf(null) : 1 - heard;
}
