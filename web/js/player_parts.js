import { element, sentenceOf, setIcon } from "./dom.js";
import { length } from "./format.js";
import { notify } from "./notify.js";
import { pathsOf } from "./playable.js";
import { refusalOf } from "./server.js";
import { keptVolume } from "./sound.js";
import { say } from "./words.js";

/** What a slider of the volume shows, from 0 to 1. */
export function shownVolume() {
  const { volume, muted } = keptVolume();
  return String(muted ? 0 : volume);
}

/** @param {(volume: number) => unknown} change called when a person moves it, with 0 to 1 */
export function volumeSlider(change) {
  const input = element("input", {
    class: "aigateway-volume",
    type: "range",
    min: "0",
    max: "1",
    step: "0.05",
    value: shownVolume(),
    title: say("volume"),
    "aria-label": say("volume"),
  });
  input.addEventListener("input", () => change(Number(input.value)));
  return input;
}

/**
 * Let a button offer what it does: play, or pause.
 *
 * @param {HTMLButtonElement} button made by `iconButton`
 * @param {boolean} isPlaying
 */
export function showPlays(button, isPlaying) {
  const word = isPlaying ? "pause" : "play";
  setIcon(button, word, say(word));
}

/**
 * Where an audio element is, and how long it is: `0:12 / 0:30`.
 *
 * @param {HTMLAudioElement} audio
 */
export const positionOf = ({ currentTime, duration }) =>
  `${length(currentTime)} / ${length(duration || 0)}`;

/**
 * Say why a file cannot be played: the server knows, the audio element does not.
 *
 * @param {import("./playable.js").Playable} file
 */
export async function explainSilence(file) {
  try {
    const refusal = await refusalOf(pathsOf(file).audio);
    if (refusal) notify("warn", refusal);
  } catch (error) {
    notify("warn", sentenceOf(error));
  }
}
