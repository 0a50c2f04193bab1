import { dollars } from "./format.js";
import { boundOf, costOf } from "./price_text.js";
import { isUnderWay } from "./track_facts.js";

/** @typedef {import("./price_request.js").PriceRequest} PriceRequest */
/** @typedef {import("./server.js").ModelPrice} ModelPrice */
/** @typedef {import("./server.js").Price} Price */
/** @typedef {import("./server.js").Track} Track */

const SIGNS = { about: "≈ ", at_least: "≥ ", at_most: "≤ " };
const UNKNOWN = "?";

/**
 * What a price line says of a run, in a few characters that need no language.
 *
 * @param {Price} price the server's answer
 * @param {PriceRequest} asked
 */
export function shortEstimate(price, asked) {
  const { each, total, tracks, uncertain } = price;
  if (price.free) return dollars(0);
  if (each === null) return UNKNOWN;
  if (uncertain.length) return `${dollars(each)} ${UNKNOWN}`;
  const { duration, isDurationKnown, runs } = asked;
  const amount = isDurationKnown
    ? dollars(total ?? each * tracks * runs)
    : perSecond(each, Number(duration));
  const bound = boundOf(price, asked);
  return bound ? SIGNS[bound] + amount : amount;
}

/**
 * What the tracks of the last run cost: with a check mark once they are paid.
 *
 * @param {Track[]} tracks
 */
export function shortCost(tracks) {
  const amount = dollars(costOf(tracks));
  if (tracks.some(({ state }) => state === "uncertain"))
    return `${SIGNS.at_most}${amount} ${UNKNOWN}`;
  return tracks.some(isUnderWay) ? amount : `✓ ${amount}`;
}

/**
 * What a track costs with a model.
 *
 * @param {ModelPrice} price of a track of `duration` seconds
 * @param {number} duration
 * @param {boolean} isKnown if not, it is some duration to find the price of a second with
 */
export function shortOfModel({ each, at_most }, duration, isKnown) {
  if (each === null) return UNKNOWN;
  const amount = isKnown ? dollars(each) : perSecond(each, duration);
  return at_most ? SIGNS.at_most + amount : amount;
}

/**
 * @param {number} each of a track, in US dollars
 * @param {number} duration of the track, in seconds
 */
const perSecond = (each, duration) => `${dollars(each / duration)}/s`;
