import { element, iconButton } from "./dom.js";
import { age, dollars, length } from "./format.js";
import { pickUp, reuse } from "./graph.js";
import { notify } from "./notify.js";
import { address } from "./server.js";
import { say } from "./words.js";

/** @typedef {import("./server.js").Track} Track */

export const ROW_HEIGHT = 132;
const OPEN = ["queued", "running"];

/**
 * What a row shows, as text: a row whose text is the same need not be drawn again.
 *
 * @param {Track} track
 */
export function identifyTrack(track) {
  const { local_id, state, price, duration, stored, job_id } = track;
  return JSON.stringify([local_id, state, price, duration, stored, job_id, ageOf(track)]);
}

const ageOf = (track) => age(Date.now() / 1000 - track.created);

/**
 * @param {Track} track
 * @param {{play: (track: Track) => void, cancel: (track: Track) => void,
 *     buyAgain: (track: Track) => void}} actions
 */
export function drawTrack(track, actions) {
  const title = track.prompt || track.job_id || "";
  const state = element("span", { class: `aigateway-state aigateway-${track.state}` });
  state.textContent = say(`state_${track.state}`);
  const facts = [
    track.duration ? length(track.duration) : null,
    track.prompt ? say("take", { n: track.take }) : null,
    priceOf(track),
    ageOf(track),
  ];
  const line = facts.filter(Boolean).join(" · ");
  return element(
    "div",
    { class: "aigateway-track", role: "listitem", title: track.error ?? title },
    element("div", { class: "aigateway-prompt", title }, title),
    element("div", { class: "aigateway-facts" }, state, element("span", {}, line)),
    pictureOf(track, actions),
    element("div", { class: "aigateway-actions" }, ...buttonsOf(track, actions)),
  );
}

function priceOf(track) {
  if (track.free) return say("free");
  return track.price === null ? say("price_unknown") : dollars(track.price);
}

function pictureOf(track, actions) {
  if (!track.stored) return element("div", { class: "aigateway-thumbnail" }, track.error ?? "");
  const picture = element("img", {
    alt: say("waveform"),
    src: address(`tracks/${encodeURIComponent(track.local_id)}/waveform`),
    draggable: false,
  });
  picture.addEventListener("error", () => picture.remove());
  const box = element("div", { class: "aigateway-thumbnail aigateway-clickable" }, picture);
  box.addEventListener("click", () => actions.play(track));
  return box;
}

/** @returns {HTMLElement[]} */
function buttonsOf(track, actions) {
  const buttons = [];
  const add = (isThere, icon, word, act) => {
    if (isThere) buttons.push(iconButton(icon, say(word), act));
  };
  add(track.stored, "play", "play", () => actions.play(track));
  add(track.job_id, "copy", "copy_id", () => copy(track.job_id));
  add(track.prompt, "replay", "reuse", () => reuse(track));
  const isAlive = !["failed", "cancelled"].includes(track.state);
  add(track.job_id && isAlive, "download", "pick_up", () => pickUp(track));
  add(track.job_id && OPEN.includes(track.state), "times", "cancel", () => actions.cancel(track));
  add(track.state === "uncertain", "cart-plus", "buy_again", () => actions.buyAgain(track));
  return buttons;
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify("info", say("copied", { id: text }));
  } catch {
    // Pages that are not served by https may not write there; then the id is shown to be copied.
    notify("info", text);
  }
}
