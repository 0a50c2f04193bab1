/** ComfyUI's own modules, named in one place. */
export { app } from "../../../scripts/app.js";
export { api } from "../../../scripts/api.js";
