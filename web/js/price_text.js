import { isUnderWay } from "./track_facts.js";
import { dollars, say } from "./words.js";

/** @type {Record<string, {step: Step, setting?: string}>} by the reason of a refusal */
const AFTER_REFUSALS = {
  no_key: { step: "set_key" },
  per_run: { step: "raise_limit", setting: "spend_limit_per_run" },
  per_day: { step: "raise_limit", setting: "spend_limit_per_day" },
  minimum_balance: { step: "raise_limit", setting: "minimum_balance" },
  unknown_price: { step: "raise_limit", setting: "allow_unknown_price" },
};

/** The hints on a request, one a line. @param {Price} price the server's answer */
export const hintText = ({ hints }) =>
  hints.map(({ kind, values }) => say(`hint_${kind}`, values)).join("\n");

/**
 * The text of a price line before a run.
 * @param {Price} price the server's answer
 * @param {PriceRequest} asked
 * @param {AutoRun | null} [auto] the mode in which ComfyUI runs the graph by itself
 * @returns {PriceText}
 */
export function estimateText(price, asked, auto = null) {
  const shown = textOfRun(price, asked);
  if (!auto || !asked.isNewEachRun || price.free) return shown;
  return { ...shown, text: `${shown.text} · ${say(`auto_${auto}`)}`, isWarning: true };
}

/**
 * The text of a free sketch, and the way to real music.
 * @type {(key: string, forced: string) => PriceText}
 */
function sketchText(key, forced) {
  if (!forced) return { text: say(key), isWarning: false, step: "set_key" };
  const name = forced === "mode" ? say("mode") : forced;
  return { text: say("price_forced", { name }), isWarning: false, step: "change_mode" };
}

/** @type {(price: Price, asked: PriceRequest) => PriceText} */
function textOfRun(price, asked) {
  const [uncertain] = price.uncertain;
  if (uncertain) {
    const text = say("price_uncertain", { price: dollars(price.each ?? 0) });
    return { text, isWarning: true, step: "buy_again", uncertain };
  }
  if (price.free) return sketchText("price_free", price.forced);
  if (price.bought && asked.isDurationKnown && asked.isCountWhole)
    return {
      text: asked.isKept ? say("price_kept", { price: dollars(0) }) : say("price_bought"),
      isWarning: false,
    };
  const text = amountText(price, asked);
  const { refused } = price;
  // Without the duration, nobody knows whether the run exceeds a limit.
  if (!refused || (!asked.isDurationKnown && refused.reason.startsWith("per_")))
    return { text, isWarning: false };
  return { ...refusalText(text, refused), isWarning: true };
}

/** @type {(amount: string, refused: Refusal) => Omit<PriceText, "isWarning">} */
function refusalText(amount, refused) {
  const values = {
    limit: dollars(refused.limit ?? 0),
    spent: dollars(refused.spent ?? 0),
    balance: dollars(refused.balance ?? 0),
  };
  const text = `${amount} · ${say(`refused_${refused.reason}`, values)}`;
  return { text, ...AFTER_REFUSALS[refused.reason] };
}

/**
 * The price of the whole run if several nodes buy.
 * @param {Price} price the server's answer for all of them
 * @param {PriceRequest[]} asked of each node
 * @returns {PriceText | null} null where one line says it all
 */
export function runText(price, asked) {
  if (asked.length < 2 || price.free || price.bought || price.total === null) return null;
  const text = say("price_run", { price: totalText(price, asked) });
  const { refused } = price;
  if (!refused || refused.reason === "no_key") return { text, isWarning: false };
  return { ...refusalText(text, refused), isWarning: true };
}

/**
 * The amount of a run of one or more nodes.
 * @param {Price} price the server's answer for all of them
 * @param {PriceRequest[]} asked of each node
 */
export function totalText(price, asked) {
  if (price.total === null) return say("price_unknown");
  const total = dollars(price.total);
  const isWhole = asked.every(
    ({ isDurationKnown, isCountWhole }) => isDurationKnown && isCountWhole,
  );
  if (!isWhole) return say("price_at_least", { price: total });
  return price.at_most ? say("price_at_most", { price: total }) : total;
}

/** @type {(price: Price, asked: PriceRequest) => string} */
function amountText(price, asked) {
  const { each, total, tracks } = price;
  if (each === null) return say("price_unknown");
  const { duration, isDurationKnown, runs } = asked;
  const text = isDurationKnown
    ? sumText(each, total, tracks * runs)
    : say("price_second", { price: dollars(each / Number(duration)) });
  const bound = boundOf(price, asked);
  return bound ? say(`price_${bound}`, { price: text }) : text;
}

/**
 * Whether the run may cost more or less than the amount of its price.
 * @param {Price} price
 * @param {PriceRequest} asked
 */
export function boundOf({ at_most }, { isDurationKnown, isCountWhole }) {
  // Without a duration it is the price of a second, however many tracks there are.
  const isAtLeast = isDurationKnown && !isCountWhole;
  if (isAtLeast) return at_most ? "about" : "at_least";
  return at_most ? "at_most" : null;
}

/** @type {(each: number, total: number | null, n: number) => string} */
function sumText(each, total, n) {
  if (n === 1) return dollars(each);
  const sum = dollars(total ?? each * n);
  // Tracks of other lengths have other prices, and a bought track costs nothing.
  if (sum !== dollars(each * n)) return say("price_sum", { n, total: sum });
  return say("price_many", { n, each: dollars(each), total: sum });
}

/**
 * The balance of the account; "" where it is not known.
 * @param {{balance: number | null}} answer the server's
 */
export const balanceText = ({ balance }) =>
  balance === null ? "" : say("balance", { balance: dollars(balance) });

/** The sum of the known charges of tracks, in US dollars. @param {Track[]} tracks */
export const costOf = (tracks) => tracks.reduce((sum, { charge }) => sum + (charge ?? 0), 0);

/**
 * The text of a price line after a run.
 * @param {Track[]} tracks
 * @param {string} [forced] see `Price`
 * @param {number} [runs] the number of runs that made the tracks one after the other
 * @returns {PriceText}
 */
export function costText(tracks, forced = "", runs = 1) {
  if (tracks.every((track) => track.free)) return sketchText("cost_free", forced);
  const price = dollars(costOf(tracks));
  const uncertain = tracks.find((track) => track.state === "uncertain")?.local_id;
  if (uncertain) {
    const text = say("cost_uncertain", { price });
    return { text, isWarning: true, step: "buy_again", uncertain };
  }
  const key = tracks.some(isUnderWay) ? "cost_ordered" : "cost_paid";
  const text = say(key, { price });
  return { text: runs > 1 ? say("cost_runs", { cost: text, n: runs }) : text, isWarning: false };
}

const SIGNS = { about: "≈ ", at_least: "≥ ", at_most: "≤ " };
const UNKNOWN = "?";

/**
 * The price of a run in a few characters that need no language.
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
 * The cost of the last run in a few characters, with a check mark once it is paid.
 * @param {Track[]} tracks
 */
export function shortCost(tracks) {
  const amount = dollars(costOf(tracks));
  if (tracks.some(({ state }) => state === "uncertain"))
    return `${SIGNS.at_most}${amount} ${UNKNOWN}`;
  return tracks.some(isUnderWay) ? amount : `✓ ${amount}`;
}

/**
 * The price of a track with a model; its lengths, if it makes none of this length.
 * @param {ModelPrice} price of a track of `duration` seconds
 * @param {number} duration
 * @param {boolean} isKnown if not, it is some duration to find the price of a second with
 */
export function shortOfModel({ each, at_most, lengths, sounds }, duration, isKnown) {
  const kind = sounds ? `${say("model_sounds")} · ` : "";
  if (lengths) return `${kind}${lengths.join("–")} s`;
  if (each === null) return kind + UNKNOWN;
  const amount = isKnown ? dollars(each) : perSecond(each, duration);
  return kind + (at_most ? SIGNS.at_most + amount : amount);
}

/** @type {(each: number, duration: number) => string} */
const perSecond = (each, duration) => `${dollars(each / duration)}/s`;
