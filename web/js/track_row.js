import { api } from "./comfy.js";
import { downloadLink, element, iconButton } from "./dom.js";
import { makeDraggable } from "./drag.js";
import { pathsOf } from "./playable.js";
import { copy } from "./track_actions.js";
import { actionsOf, factsOf, titleOf } from "./track_facts.js";
import { say } from "./words.js";

/** @typedef {import("./server.js").Track} Track */
/** @typedef {import("./track_facts.js").Action} Action */
/** @typedef {(action: Action, track: Track) => unknown} Act */

/** In pixels, as in the style sheet. */
export const ROW_HEIGHT = 52;

/** @type {Record<Action, string>} */
const ICONS = {
  play: "play",
  copy_id: "copy",
  reuse: "replay",
  pick_up: "plus-circle",
  cancel: "times",
  buy_again: "cart-plus",
};

/**
 * @param {Track} track
 * @param {number} now seconds since 1970
 * @param {boolean} isPlaying
 * @param {Act} act called when a button is clicked
 */
export function drawTrack(track, now, isPlaying, act) {
  const title = titleOf(track);
  const kind = track.is_dead ? "dead" : track.state;
  const state = element("span", { class: `aigateway-state aigateway-${kind}` });
  state.textContent = say(`state_${track.state}`);
  const prompt = element("button", { class: "aigateway-prompt", type: "button" }, title);
  prompt.addEventListener("click", () => void copy(title));
  /** @type {HTMLElement[]} */
  const buttons = actionsOf(track).map((action) => {
    const isPause = action === "play" && isPlaying;
    const word = isPause ? "pause" : action;
    const button = iconButton(isPause ? "pause" : ICONS[action], say(word), () =>
      act(action, track),
    );
    button.setAttribute("aria-label", `${say(word)}: ${title}`);
    return button;
  });
  if (track.stored) buttons.splice(1, 0, namedDownload(track, title));
  const row = element(
    "div",
    { class: "aigateway-track", role: "listitem", title: track.error ?? title },
    thumbnail(track, act),
    prompt,
    element(
      "div",
      { class: "aigateway-facts" },
      state,
      element("span", {}, track.error ?? factsOf(track, now)),
    ),
    element("div", { class: "aigateway-actions" }, ...buttons),
  );
  row.classList.toggle("aigateway-playing", isPlaying);
  if (track.job_id) makeDraggable(row, track);
  return row;
}

/**
 * @param {Track} track
 * @param {string} title
 */
function namedDownload(track, title) {
  const link = downloadLink(api.apiURL(pathsOf(track).audio));
  link.setAttribute("aria-label", `${say("download")}: ${title}`);
  return link;
}

/**
 * The waveform of a track that can be played.
 *
 * @param {Track} track
 * @param {Act} act
 */
function thumbnail(track, act) {
  const box = element("div", { class: "aigateway-thumbnail" });
  if (!track.stored) return box;
  const picture = element("img", {
    alt: "",
    src: api.apiURL(pathsOf(track).picture),
    draggable: false,
  });
  picture.addEventListener("error", () => picture.remove());
  box.append(picture);
  box.classList.add("aigateway-clickable");
  box.addEventListener("click", () => act("play", track));
  return box;
}
