import { dollars } from "./format.js";
import { isUnderWay } from "./track_facts.js";
import { say } from "./words.js";

/** @typedef {import("./price_request.js").PriceRequest} PriceRequest */
/** @typedef {import("./server.js").Price} Price */
/** @typedef {import("./server.js").Track} Track */

/** @typedef {{text: string, isWarning: boolean}} PriceText */

/**
 * The hints on a request, one a line.
 *
 * @param {Price} price the server's answer
 */
export const hintText = ({ hints }) =>
  hints.map(({ kind, values }) => say(`hint_${kind}`, values)).join("\n");

/**
 * What a run will cost.
 *
 * @param {Price} price the server's answer
 * @param {PriceRequest} asked
 * @returns {PriceText}
 */
export function estimateText(price, asked) {
  if (price.free) return { text: say("price_free"), isWarning: false };
  if (price.bought && asked.isDurationKnown && asked.isCountWhole)
    return { text: say("price_bought"), isWarning: false };
  const text = amountText(price, asked);
  const { refused } = price;
  // Where the duration is not known, neither is whether the run exceeds a limit.
  if (!refused || (!asked.isDurationKnown && refused.reason.startsWith("per_")))
    return { text, isWarning: false };
  const values = { limit: dollars(refused.limit ?? 0), spent: dollars(refused.spent ?? 0) };
  return { text: `${text} · ${say(`refused_${refused.reason}`, values)}`, isWarning: true };
}

/**
 * @param {Price} price
 * @param {PriceRequest} asked
 */
function amountText(price, asked) {
  const { each, total, tracks, at_most } = price;
  if (each === null) return say("price_unknown");
  const { duration, isDurationKnown, isCountWhole, runs } = asked;
  const text = isDurationKnown
    ? sumText(each, total, tracks * runs)
    : say("price_second", { price: dollars(each / Number(duration)) });
  // Without a duration it is the price of a second, however many tracks there are.
  const isAtLeast = isDurationKnown && !isCountWhole;
  if (isAtLeast) return say(at_most ? "price_about" : "price_at_least", { price: text });
  return at_most ? say("price_at_most", { price: text }) : text;
}

/**
 * @param {number} each of the dearest track
 * @param {number | null} total
 * @param {number} n how many tracks
 */
function sumText(each, total, n) {
  if (n === 1) return dollars(each);
  const sum = dollars(total ?? each * n);
  // Tracks of other lengths have other prices, and what is bought already costs nothing.
  if (sum !== dollars(each * n)) return say("price_sum", { n, total: sum });
  return say("price_many", { n, each: dollars(each), total: sum });
}

/**
 * What the account has left; nothing where that is not known.
 *
 * @param {{balance: number | null}} answer the server's
 */
export const balanceText = ({ balance }) =>
  balance === null ? "" : say("balance", { balance: dollars(balance) });

/**
 * What the tracks of the last run cost.
 *
 * @param {Track[]} tracks
 * @returns {PriceText}
 */
export function costText(tracks) {
  if (tracks.every((track) => track.free)) return { text: say("cost_free"), isWarning: false };
  const price = dollars(
    tracks.reduce((sum, track) => sum + (track.is_dead ? 0 : (track.price ?? 0)), 0),
  );
  if (tracks.some((track) => track.state === "uncertain"))
    return { text: say("cost_uncertain", { price }), isWarning: true };
  const key = tracks.some(isUnderWay) ? "cost_ordered" : "cost_paid";
  return { text: say(key, { price }), isWarning: false };
}
