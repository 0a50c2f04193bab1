import { app } from "./comfy.js";
import { notify, sentenceOf } from "./dom.js";
import { ask } from "./server.js";
import { buyAgainQuestion, sayOfDead } from "./track_facts.js";
import { say } from "./words.js";

/** @param {string} id any text */
export async function copy(id) {
  try {
    await navigator.clipboard.writeText(id);
    notify("info", say("copied", { id }));
  } catch {
    // Browsers let only https pages write to the clipboard. Elsewhere, show the text.
    notify("info", id);
  }
}

/** @param {Pick<Track, "job_id">} track */
export const copyId = ({ job_id }) => copy(job_id ?? "");

/** @param {Track} track */
export const star = ({ local_id, starred }) => mark(local_id, "starred", !starred);

/** @param {Track} track hidden, or shown again if it is hidden */
export async function hide({ local_id, hidden }) {
  const isDone = await mark(local_id, "hidden", !hidden);
  if (isDone && !hidden) notify("info", say("hide_done"));
}

/** @type {(id: string, name: "starred" | "hidden", value: boolean) => Promise<boolean>} */
async function mark(id, name, value) {
  try {
    await ask(`tracks/${encodeURIComponent(id)}/${name}`, { method: "PUT", body: { value } });
    return true;
  } catch (error) {
    notify("error", sentenceOf(error));
    return false;
  }
}

/** @param {Track} track */
export async function cancel(track) {
  await change(track, "cancel", (after) =>
    after.state === "cancelled" ? sayOfDead("cancelled_done", after.charge) : say("cancelled_not"),
  );
}

/** Buy a track again after the person has confirmed it. @param {Track} track */
export async function buyAgain(track) {
  const message = buyAgainQuestion(track);
  const isSure = await app.extensionManager.dialog.confirm({ title: say("buy_again"), message });
  if (isSure) await change(track, "buy-again", () => say("bought_again"));
}

/** @type {(track: Track, action: string, describe: (after: Track) => string) => Promise<void>} */
async function change({ local_id }, action, describe) {
  try {
    const path = `tracks/${encodeURIComponent(local_id)}/${action}`;
    notify("info", describe(await ask(path, { method: "POST" })));
  } catch (error) {
    notify("error", sentenceOf(error));
  }
}
