import { element } from "./dom.js";
import { say } from "./words.js";

/**
 * A picture of the waveform that shows the position of an audio element, and moves it when clicked.
 *
 * @param {HTMLAudioElement} audio
 */
export function waveform(audio) {
  const picture = element("img", { alt: say("waveform"), draggable: false });
  const position = element("div", { class: "aigateway-position" });
  const box = element("div", { class: "aigateway-waveform" }, picture, position);
  picture.addEventListener("error", () => box.classList.add("aigateway-none"));
  picture.addEventListener("load", () => box.classList.remove("aigateway-none"));
  const move = () => {
    position.style.left = `${(100 * audio.currentTime) / (audio.duration || 1)}%`;
  };
  for (const event of ["timeupdate", "seeked", "loadedmetadata"])
    audio.addEventListener(event, move);
  box.addEventListener("click", (event) => {
    const { left, width } = box.getBoundingClientRect();
    if (Number.isFinite(audio.duration))
      audio.currentTime = (audio.duration * (event.clientX - left)) / width;
  });
  return { box, picture };
}
