import { api } from "./comfy.js";
import { element, iconButton } from "./dom.js";
import { pathsOf } from "./playable.js";
import { actionsOf, factsOf, titleOf } from "./track_facts.js";
import { say } from "./words.js";

/** @typedef {import("./server.js").Track} Track */
/** @typedef {import("./track_facts.js").Action} Action */
/** @typedef {(action: Action, track: Track) => unknown} Act */

/** In pixels, as in the style sheet. */
export const ROW_HEIGHT = 132;

/** @type {Record<Action, string>} */
const ICONS = {
  play: "play",
  copy_id: "copy",
  reuse: "replay",
  pick_up: "download",
  cancel: "times",
  buy_again: "cart-plus",
};

/**
 * @param {Track} track
 * @param {number} now seconds since 1970
 * @param {Act} act called when a button is clicked
 */
export function drawTrack(track, now, act) {
  const title = titleOf(track);
  const kind = track.is_dead ? "dead" : track.state;
  const state = element("span", { class: `aigateway-state aigateway-${kind}` });
  state.textContent = say(`state_${track.state}`);
  const buttons = actionsOf(track).map((action) =>
    iconButton(ICONS[action], say(action), () => act(action, track)),
  );
  return element(
    "div",
    { class: "aigateway-track", role: "listitem", title: track.error ?? title },
    element("div", { class: "aigateway-prompt", title }, title),
    element("div", { class: "aigateway-facts" }, state, element("span", {}, factsOf(track, now))),
    thumbnail(track, act),
    element("div", { class: "aigateway-actions" }, ...buttons),
  );
}

/**
 * The waveform of a track, or its error.
 *
 * @param {Track} track
 * @param {Act} act
 */
function thumbnail(track, act) {
  if (!track.stored) return element("div", { class: "aigateway-thumbnail" }, track.error ?? "");
  const picture = element("img", {
    alt: say("waveform"),
    src: api.apiURL(pathsOf(track).picture),
    draggable: false,
  });
  picture.addEventListener("error", () => picture.remove());
  const box = element("div", { class: "aigateway-thumbnail aigateway-clickable" }, picture);
  box.addEventListener("click", () => act("play", track));
  return box;
}
