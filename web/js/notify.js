import { app } from "./comfy.js";
import { say } from "./words.js";

/**
 * @param {"info" | "warn" | "error"} severity
 * @param {string} detail
 */
export function notify(severity, detail) {
  app.extensionManager.toast.add({ severity, summary: say("music"), detail, life: 8000 });
}
