import { element } from "./dom.js";
import { positionOf } from "./player_parts.js";
import { say } from "./words.js";

/** Seconds that an arrow key moves. */
const STEP = 5;

/**
 * A picture of the waveform that shows the position of an audio element, and moves it by a click
 * or by keys.
 *
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
