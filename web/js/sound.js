import { element } from "./dom.js";

const VOLUME = "AIgateway.volume";

/** @type {{pause: () => void} | null} what was started last */
let playing = null;

/**
 * Stop what plays, because something else does now.
 *
 * @param {{pause: () => void}} player
 */
export function takeOver(player) {
  if (playing !== player) playing?.pause();
  playing = player;
}

/**
 * An audio element that stops the others when it plays, and has the volume that was set last.
 *
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
