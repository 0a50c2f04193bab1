import { element } from "./dom.js";

const VOLUME = "AIgateway.volume";

/** @type {HTMLAudioElement | null} the one that was started last */
let playing = null;

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
    if (playing !== audio) playing?.pause();
    playing = audio;
    recallVolume(audio);
  });
  return audio;
}

/** @param {HTMLAudioElement} audio */
function keepVolume({ volume, muted }) {
  localStorage.setItem(VOLUME, JSON.stringify({ volume, muted }));
}

/** @param {HTMLAudioElement} audio */
function recallVolume(audio) {
  const kept = JSON.parse(localStorage.getItem(VOLUME) ?? "{}");
  const { volume = 1, muted = false } = kept;
  if (audio.volume !== volume) audio.volume = volume;
  if (audio.muted !== muted) audio.muted = muted;
}
