import { element } from "./dom.js";
import { chase } from "./pairing.js";
import { keptVolume, takeOver } from "./sound.js";

/** The time constant of a fade, in seconds: a switch does not click, and nobody hears the fade. */
const FADE = 0.005;

/**
 * Two tracks that run beside each other, one of which is heard.
 *
 * The silent one is kept at the position of the other, so that a switch is heard at once: an
 * element that has to seek first, or that was muted, is silent for a moment. So neither is muted.
 * One of them gets no way out.
 */
export class Pair {
  /** @param {() => unknown} onchange called when it starts, stops or switches */
  constructor(onchange) {
    this.onchange = onchange;
    this.heard = 0;
    this.sounds = [this.made(0), this.made(1)];
    /** @type {AudioContext | null} made at the first play: before a click it may not sound */
    this.context = null;
    /** @type {GainNode[]} the ways out of both */
    this.ways = [];
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
    this.open();
    // Fails without a sound device. The controls then still work.
    for (const audio of this.sounds)
      if (audio.paused && audio.hasAttribute("src")) audio.play().catch(() => {});
    this.onchange();
  }

  pause() {
    for (const audio of this.sounds) audio.pause();
    void this.context?.suspend();
    this.onchange();
  }

  /** Let the one out that is heard, and only that. */
  open() {
    this.context ??= this.connected();
    const { context, heard } = this;
    void context.resume();
    this.ways.forEach(({ gain }, index) => {
      gain.setTargetAtTime(index === heard ? 1 : 0, context.currentTime, FADE);
    });
  }

  connected() {
    const context = new AudioContext();
    this.ways = this.sounds.map((audio) => {
      const way = new GainNode(context, { gain: 0 });
      context.createMediaElementSource(audio).connect(way).connect(context.destination);
      return way;
    });
    return context;
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
    if (chase(audio.currentTime - currentTime) === null) audio.currentTime = currentTime;
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
    for (const audio of this.sounds) Object.assign(audio, { volume, muted });
  }
}
