import { api, app } from "./comfy.js";
import { notify } from "./notify.js";
import { ask } from "./server.js";
import { newsText } from "./track_facts.js";

/**
 * Tracks that came while nobody waited for them.
 *
 * @typedef {object} News
 * @property {number} count of those that nobody has seen in the Music tab
 * @property {string} [title] of the one that came now
 * @property {"ready" | "failed" | "cancelled" | "lost"} [what] became of it
 * @property {number | null} [charge] what the gateway took for it, in US dollars
 */

export const TAB = "aigateway-music";

/** Show on the icon of the Music tab how many tracks are new, and name each as it comes. */
export function watchNews() {
  api.addEventListener("aigateway_news", ({ detail }) => {
    showCount(detail.count);
    if (detail.what) notify(detail.what === "ready" ? "info" : "warn", newsText(detail));
  });
  void read();
}

async function read() {
  try {
    showCount((await ask("news")).count);
  } catch {
    // The Music tab says what is wrong, when it is opened.
  }
}

/** Nothing is new any more: the Music tab is open. */
export async function forgetNews() {
  showCount(0);
  await ask("news/seen", { method: "POST" });
}

/** @param {number} count */
function showCount(count) {
  const tab = app.extensionManager.getSidebarTabs().find(({ id }) => id === TAB);
  if (tab) tab.iconBadge = count ? String(count) : "";
}
