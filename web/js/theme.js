/**
 * Whether the page is light or dark, by the color that ComfyUI's palette gives its panels.
 *
 * Versions of ComfyUI mark a dark page in different ways, and a palette of the user may have no
 * mark. So measure the color behind our texts.
 */

/** Luminance from which dark text has more contrast than light text (WCAG 2: √(1.05 · 0.05) − 0.05). */
const LIGHT_FROM = 0.179;

const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** The relative luminance of a CSS color, 0 to 1 (WCAG 2). @param {string} color */
function luminance(color) {
  if (!probe) return 0;
  probe.fillStyle = "#000";
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = [...probe.getImageData(0, 0, 1, 1).data].map((byte) => {
    const share = byte / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function markTheme() {
  const root = document.documentElement;
  const panel = getComputedStyle(document.body).getPropertyValue("--comfy-menu-bg");
  const theme = luminance(panel) < LIGHT_FROM ? "dark" : "light";
  if (root.dataset.aigatewayTheme !== theme) root.dataset.aigatewayTheme = theme;
}

/** Mark the page now, and whenever ComfyUI takes another palette. */
export function watchTheme() {
  markTheme();
  const watcher = new MutationObserver(markTheme);
  const attributes = { attributeFilter: ["class", "style"] };
  for (const element of [document.documentElement, document.body])
    watcher.observe(element, attributes);
}
