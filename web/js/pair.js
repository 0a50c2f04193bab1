import { element } from "./dom.js";
import { chase } from "./pairing.js";
import { keptVolume, takeOver } from "./sound.js";

/**
 * Two tracks that run beside each other, one of which is heard.
 *
 * The silent one is kept at the position of the other, so that a switch is heard at once: an
 * element that has to seek first is silent for a moment.
 */
export class Pair {
  /** @param {() => unknown} onchange called when it starts, stops or switches */
  constructor(onchange) {
    this.onchange = onchange;
    this.heard = 0;
    this.sounds = [this.made(0), this.made(1)];
  }

  /** @param {number} index */
  made(index) {
    const audio = element("audio", { preload: "auto", preservesPitch: false });
    const isHeard = () => index === this.heard;
    audio.addEventListener("play", () => isHeard() && this.play());
    // The end of a track is a pause, too.
    audio.addEventListener("pause", () => isHeard() && this.pause());
    audio.addEventListener("seeking", () => isHeard() && this.follow());
    audio.addEventListener("timeupdate", () => isHeard() && this.follow());
    return audio;
  }

  /** The one that is heard. */
  get audio() {
    return /** @type {HTMLAudioElement} */ (this.sounds[this.heard]);
  }

  get silent() {
    return /** @type {HTMLAudioElement} */ (this.sounds[1 - this.heard]);
  }

  get isPlaying() {
    return !this.audio.paused;
  }

  /**
   * @param {number} index
   * @param {string | null} address of the audio; null for none
   */
  load(index, address) {
    const audio = this.sounds[index];
    if (address) audio?.setAttribute("src", address);
    else audio?.removeAttribute("src");
    audio?.load();
    if (this.isPlaying) this.play();
  }

  play() {
    takeOver(this);
    this.follow();
    this.applyVolume();
    // Fails without a sound device. The controls then still work.
    for (const audio of this.sounds)
      if (audio.paused && audio.hasAttribute("src")) audio.play().catch(() => {});
    this.onchange();
  }

  pause() {
    for (const audio of this.sounds) audio.pause();
    this.onchange();
  }

  /**
   * Switch to a track, at the position of the other.
   *
   * @param {number} index
   */
  hear(index) {
    if (index === this.heard) return;
    const { isPlaying } = this;
    const { currentTime } = this.audio;
    this.heard = index;
    const { audio } = this;
    audio.playbackRate = 1;
    if (chase(audio.currentTime - currentTime) !== 1) audio.currentTime = currentTime;
    this.applyVolume();
    // The shorter track may have ended.
    if (isPlaying && !audio.ended) this.play();
    else this.pause();
  }

  /** Bring the silent track to the position of the other. */
  follow() {
    const { audio, silent } = this;
    if (!(audio.currentTime <= silent.duration)) return;
    const rate = audio.paused ? null : chase(silent.currentTime - audio.currentTime);
    if (rate === null) silent.currentTime = audio.currentTime;
    silent.playbackRate = rate ?? 1;
    if (this.isPlaying && silent.paused) silent.play().catch(() => {});
  }

  applyVolume() {
    const { volume, muted } = keptVolume();
    for (const audio of this.sounds) {
      audio.volume = volume;
      audio.muted = muted || audio !== this.audio;
    }
  }
}
