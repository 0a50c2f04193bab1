import { element, notify, sentenceOf, setIcon } from "./dom.js";
import { refusalOf } from "./server.js";
import { pathsOf } from "./track_facts.js";
import { length, say } from "./words.js";

/** The value of a slider of the volume, from 0 to 1. */
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
 * Give a button the icon and the label for play or for pause.
 * @param {HTMLButtonElement} button made by `iconButton`
 * @param {boolean} isPlaying
 */
export function showPlays(button, isPlaying) {
  const word = isPlaying ? "pause" : "play";
  setIcon(button, word, say(word));
}

/**
 * The position and the length of an audio element: `0:12 / 0:30`. @param {HTMLAudioElement} audio
 */
export const positionOf = ({ currentTime, duration }) =>
  `${length(currentTime)} / ${length(duration || 0)}`;

/**
 * Say why a file cannot be played: the server knows, the audio element does not.
 * @param {Playable} file
 */
export async function explainSilence(file) {
  try {
    const refusal = await refusalOf(pathsOf(file).audio);
    if (refusal) notify("warn", refusal);
  } catch (error) {
    notify("warn", sentenceOf(error));
  }
}

const VOLUME = "AIgateway.volume";

/** @type {{pause: () => void} | null} the player that was started last */
let playing = null;

/** Stop the other player, because this one plays now. @param {{pause: () => void}} player */
export function takeOver(player) {
  if (playing !== player) playing?.pause();
  playing = player;
}

/**
 * An audio element that stops the others when it plays, and has the volume that was set last.
 * @param {Record<string, unknown>} [properties]
 */
export function sound(properties = {}) {
  const audio = element("audio", { preload: "metadata", ...properties });
  recallVolume(audio);
  audio.addEventListener("volumechange", () => keepVolume(audio));
  audio.addEventListener("play", () => {
    takeOver(audio);
    recallVolume(audio);
  });
  return audio;
}

/**
 * @param {object} loudness
 * @param {number} loudness.volume from 0 to 1
 * @param {boolean} loudness.muted
 */
export function keepVolume({ volume, muted }) {
  localStorage.setItem(VOLUME, JSON.stringify({ volume, muted }));
}

/** @returns {{volume: number, muted: boolean}} */
export const keptVolume = () => ({
  volume: 1,
  muted: false,
  ...JSON.parse(localStorage.getItem(VOLUME) ?? "{}"),
});

/** @param {HTMLAudioElement} audio */
function recallVolume(audio) {
  const { volume, muted } = keptVolume();
  if (audio.volume !== volume) audio.volume = volume;
  if (audio.muted !== muted) audio.muted = muted;
}

/** Seconds that an arrow key moves. */
const STEP = 5;

/**
 * A picture of the waveform that shows the position of an audio element, and moves it by a click
 * or by keys.
 * @param {HTMLAudioElement} audio
 */
export function waveform(audio) {
  const picture = element("img", { alt: "", draggable: false });
  const position = element("div", { class: "aigateway-position" });
  const box = element(
    "div",
    {
      class: "aigateway-waveform",
      role: "slider",
      tabIndex: 0,
      "aria-label": say("waveform"),
      "aria-valuemin": 0,
      "aria-valuemax": 0,
      "aria-valuenow": 0,
    },
    picture,
    position,
  );
  picture.addEventListener("error", () => box.classList.add("aigateway-none"));
  picture.addEventListener("load", () => box.classList.remove("aigateway-none"));
  const show = () => {
    const { currentTime } = audio;
    const duration = audio.duration || 0;
    position.style.left = `${(100 * currentTime) / (duration || 1)}%`;
    box.setAttribute("aria-valuemax", String(Math.round(duration)));
    box.setAttribute("aria-valuenow", String(Math.round(currentTime)));
    box.setAttribute("aria-valuetext", positionOf(audio));
  };
  for (const event of ["timeupdate", "seeked", "loadedmetadata"])
    audio.addEventListener(event, show);
  /** @param {number} seconds */
  const move = (seconds) => {
    if (Number.isFinite(audio.duration))
      audio.currentTime = Math.min(audio.duration, Math.max(0, seconds));
  };
  box.addEventListener("click", (event) => {
    const { left, width } = box.getBoundingClientRect();
    move((audio.duration * (event.clientX - left)) / width);
  });
  /** @type {Record<string, () => number>} */
  const keys = {
    ArrowLeft: () => audio.currentTime - STEP,
    ArrowRight: () => audio.currentTime + STEP,
    Home: () => 0,
    End: () => audio.duration,
  };
  box.addEventListener("keydown", (event) => {
    const target = keys[event.key];
    if (!target) return;
    event.preventDefault();
    event.stopPropagation();
    move(target());
  });
  return { box, picture };
}
