import { nameFields } from "./app_fields.js";
import { watchAppStatus } from "./app_status.js";
import { watchAutoRun } from "./auto_run.js";
import { app } from "./comfy.js";
import { element } from "./dom.js";
import { watchDrops } from "./drag.js";
import { watchErrors } from "./error_card.js";
import { watchLanguage } from "./language.js";
import { watchNews } from "./news.js";
import { showPlayers, watchPlayers } from "./player.js";
import { addPrice, watchPrices } from "./price_line.js";
import { watchRuns } from "./runs.js";
import { completeSaveAudio } from "./save_audio.js";
import { alignValues, noteControl } from "./saved_values.js";
import { settings } from "./settings.js";
import { registerSidebar } from "./sidebar.js";
import { watchStatus } from "./status.js";
import { orderTemplates, showNodes } from "./templates.js";
import { watchTheme } from "./theme.js";

app.registerExtension({
  name: "AIgateway.Music",
  settings,
  async init() {
    for (const name of ["aigateway", "notices", "sidebar", "players"]) {
      const { href } = new URL(`../css/${name}.css`, import.meta.url);
      document.head.append(element("link", { rel: "stylesheet", href }));
    }
  },
  async setup() {
    watchTheme();
    await watchLanguage();
    registerSidebar();
    orderTemplates();
    watchRuns();
    watchAutoRun();
    watchDrops();
    watchErrors();
    watchNews();
    watchPrices();
    watchPlayers();
    watchStatus();
    watchAppStatus();
  },
  beforeRegisterNodeDef: (_, definition) => noteControl(definition),
  beforeConfigureGraph(graph) {
    nameFields(graph);
    showNodes(graph);
  },
  nodeCreated(node) {
    alignValues(node);
    addPrice(node);
    completeSaveAudio(node);
  },
  onNodeOutputsUpdated: showPlayers,
});
