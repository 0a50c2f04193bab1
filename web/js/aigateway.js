import { app } from "./comfy.js";
import { element } from "./dom.js";
import { watchLanguage } from "./language.js";
import { showPlayers, watchPlayers } from "./player.js";
import { addPrice, watchPrices } from "./price_line.js";
import { completeSaveAudio } from "./save_audio.js";
import { alignValues, noteControl } from "./saved_values.js";
import { settings } from "./settings.js";
import { registerSidebar } from "./sidebar.js";
import { watchStatus } from "./status.js";

app.registerExtension({
  name: "AIgateway.Music",
  settings,
  async init() {
    const href = new URL("../css/aigateway.css", import.meta.url).href;
    document.head.append(element("link", { rel: "stylesheet", href }));
  },
  async setup() {
    await watchLanguage();
    registerSidebar();
    watchPrices();
    watchPlayers();
    watchStatus();
  },
  beforeRegisterNodeDef: (_, definition) => noteControl(definition),
  beforeConfigureGraph: alignValues,
  nodeCreated(node) {
    addPrice(node);
    completeSaveAudio(node);
  },
  onNodeOutputsUpdated: showPlayers,
});
