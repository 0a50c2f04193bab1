import { age, dollars, has, length, say } from "./words.js";

/** Whether the track may still be made. @param {Track} track */
export const isUnderWay = ({ is_open }) => is_open;

/** @param {Track} track */
export const titleOf = (track) => track.prompt || track.job_id || "";

/**
 * Duration, take, price and age, for example `0:30 · take 1 · $0.006 · 2 min ago`.
 * @param {Track} track
 * @param {number} now seconds since 1970
 */
export function factsOf(track, now) {
  const facts = [
    track.duration ? length(track.duration) : null,
    track.prompt ? say("take", { n: track.take }) : null,
    priceOf(track),
    age(now - track.created),
  ];
  return facts.filter(Boolean).join(" · ");
}

/** @param {Pick<Track, "free" | "is_dead" | "charge">} track */
export function priceOf({ free, is_dead, charge }) {
  if (free) return say("free");
  if (is_dead && !charge) return say("not_charged");
  return charge === null ? say("price_unknown") : dollars(charge);
}

/**
 * A sentence about a job that failed or was cancelled: another one if the gateway charged for it.
 * @param {string} key of the sentence; `<key>_charged` of the other one
 * @param {number | null | undefined} charge in US dollars
 * @param {Record<string, string>} [values]
 */
export function sayOfDead(key, charge, values = {}) {
  if (!charge) return say(key, values);
  return say(`${key}_charged`, { ...values, price: dollars(charge) });
}

/** The end of a job that nobody waited for. @param {Omit<News, "count">} news */
export function newsText({ what, title = "", charge }) {
  const isDead = what === "failed" || what === "cancelled";
  return isDead ? sayOfDead(`news_${what}`, charge, { title }) : say(`news_${what}`, { title });
}

/**
 * The tracks ordered ahead for runs that have not asked for them yet: one sentence a line, "" for
 * nothing.
 * @param {Ahead} ahead
 */
export function aheadText({ runs, price, kept, kept_price }) {
  const waiting = runs ? say("ahead_waiting", { n: runs, price: dollars(price) }) : "";
  const left = kept ? say("ahead_kept", { n: kept, price: dollars(kept_price) }) : "";
  return [waiting, left].filter(Boolean).join("\n");
}

/** The title of an error's card: one sentence. @param {Pick<PackError, "type" | "charge">} error */
export function errorTitle({ type, charge }) {
  const key = `error_${type}`;
  return has(key) ? sayOfDead(key, charge) : say("error_other");
}

/** The question before a track without an answer is bought again. @param {Track} track */
export function buyAgainQuestion(track) {
  const price = priceOf(track);
  if (!track.listed) return say(`buy_again_${track.repeats ? "repeated" : "question"}`, { price });
  return say("buy_again_listed", { price, request: track.request_id ?? "?" });
}

/**
 * The buttons of a row. They appear under the pointer.
 * @param {Track} track
 * @returns {Action[]}
 */
export function actionsOf(track) {
  const hasJob = Boolean(track.job_id);
  /** @type {[Action, boolean][]} */
  const offers = [
    ["play", track.stored],
    ["compare", track.stored],
    ["copy_id", hasJob],
    ["reuse", Boolean(track.prompt)],
    ["pick_up", hasJob && !track.is_dead],
    ["cancel", hasJob && isUnderWay(track)],
    ["buy_again", track.state === "uncertain"],
    ["hide", true],
  ];
  return offers.flatMap(([action, isOffered]) => (isOffered ? [action] : []));
}

/**
 * A text that changes when the track's row has to be drawn again.
 * @param {Track} track
 * @param {number} now seconds since 1970
 * @param {RowState} state
 */
export const identityOf = (track, now, state) =>
  JSON.stringify([track, factsOf(track, now), state]);

const NODES = [
  "AIGatewayLoadAudioURL",
  "AIGatewaySaveAudio",
  "AIGatewayFitMusic",
  "AIGatewayAddSoundtrack",
  "AIGatewayMakeLoop",
  "AIGatewayAlignFamily",
  "AIGatewayLayers",
  "AIGatewayStinger",
  "AIGatewayTakes",
];

/** The server's paths of the audio and of the picture of its waveform. @param {Playable} file */
export function pathsOf(file) {
  if ("local_id" in file) {
    const track = `/aigateway/tracks/${encodeURIComponent(file.local_id)}`;
    return { audio: `${track}/audio`, picture: `${track}/waveform` };
  }
  const { filename, subfolder = "", type = "output" } = file;
  const query = new URLSearchParams({ filename, subfolder, type });
  return { audio: `/view?${query}`, picture: `/aigateway/waveform?${query}` };
}

/**
 * The files of a player on a node: none, unless the node is ours and made audio.
 *
 * ComfyUI counts saved files as outputs. A file that only the player needs is named by text, which
 * ComfyUI does not count.
 * @param {{comfyClass?: string}} node
 * @param {any} output the node's, from the server
 * @returns {Playable[]}
 */
export function playablesOf({ comfyClass }, output) {
  if (!NODES.includes(comfyClass ?? "")) return [];
  const { aigateway_audio, aigateway_seams, audio = [] } = output ?? {};
  if (aigateway_audio) return aigateway_audio.map((/** @type {string} */ text) => JSON.parse(text));
  return audio.map((/** @type {Playable} */ file, /** @type {number} */ index) => {
    const seams = aigateway_seams?.[index];
    return seams ? { ...file, seams: JSON.parse(seams) } : file;
  });
}
