// The shapes that modules of the browser side share. TypeScript alone reads this file.

// ComfyUI's

type Canvas = import("../../../scripts/app.js").Canvas;
type Graph = import("../../../scripts/app.js").Graph;
type GraphNode = import("../../../scripts/app.js").GraphNode;
type Link = import("../../../scripts/app.js").Link;
type NodeDefinition = import("../../../scripts/app.js").NodeDefinition;
type NodeWidget = import("../../../scripts/app.js").Widget;
type Pointer = import("../../../scripts/app.js").Pointer;
type SavedGraph = import("../../../scripts/app.js").SavedGraph;
type Executed = import("../../../scripts/api.js").Executed;

/** ComfyUI's errors, as it shows them to packs. */
interface CoreErrors {
  /** At the queue, by the nodes' ids. */
  lastNodeErrors?: Record<string, { class_type?: string; errors: { type: string }[] }> | null;
  lastExecutionError?: { exception_type?: string } | null;
}

/** What makes ComfyUI run the graph by itself. */
type AutoRun = "instant" | "change";

interface HTMLElementTagNameMap {
  "aigateway-row": HTMLElement;
}

/** A node, and the nodes that stand for the subgraphs around it, the outermost first. */
interface HostedNode {
  node: GraphNode;
  hosts: GraphNode[];
}

// The server's answers

interface Refusal {
  reason: string;
  limit?: number;
  spent?: number;
  balance?: number;
}

/** A fact that a person may want to know before the run. */
interface Hint {
  kind: string;
  values: Record<string, string | number>;
}

/** The price of a request, in US dollars. */
interface Price {
  free: boolean;
  /** The setting or the variable that forces the sandbox; "" where a key ends it. */
  forced: string;
  /** Whether the track is there already. */
  bought: boolean;
  /** Of one track; null if it is not known. */
  each: number | null;
  /** Whether the tracks may cost less. */
  at_most: boolean;
  /** Of all tracks of all runs. */
  total: number | null;
  /** The number that one run makes. */
  tracks: number;
  hints: Hint[];
  /** The ledger's ids of tracks that may be bought already. */
  uncertain: string[];
  /** Why the request would be refused. */
  refused: Refusal | null;
}

/**
 * The expected price of a track with a model. `lengths` are the least and the most seconds of a
 * model that makes no audio of this length; `sounds` says that it makes sound effects, and no music.
 */
type ModelPrice = Pick<Price, "each" | "at_most"> & {
  lengths?: [number, number];
  sounds?: true;
};

/** A row of the ledger. */
interface Track {
  local_id: string;
  job_id: string | null;
  service: string;
  model: string;
  prompt: string;
  lyrics: string;
  /** In seconds: the track's if it is known, else `asked_duration`. */
  duration: number;
  /** In seconds. */
  asked_duration: number;
  format: string;
  take: number;
  words: string;
  state: string;
  /** Whether the job may still end by itself. */
  is_open: boolean;
  /** Whether the job failed or was cancelled. */
  is_dead: boolean;
  /** The amount that the gateway took or is expected to take, in US dollars. */
  charge: number | null;
  free: boolean;
  /** In seconds since 1970. */
  created: number;
  error: string | null;
  /** Whether the gateway lists a submit that got no answer. */
  listed: boolean;
  /** How often its submit was repeated although the one before may have been charged. */
  repeats: number;
  /** The gateway's id of the submit, for its support. */
  request_id: string | null;
  /** Whether its file is on the server. */
  stored: boolean;
  /** Whether it is a favorite. */
  starred: boolean;
  /** Whether the list leaves it out. */
  hidden: boolean;
  /** In a list; absent for a track that stands alone. */
  group?: Group;
}

/** A track of the ledger, or a file that ComfyUI serves. */
type Playable = ({ local_id: string } | { filename: string; subfolder?: string; type?: string }) & {
  seams?: Seam[];
};

/** Seconds where a file is left, and where it goes on: later, or earlier in a loop. */
type Seam = [number, number];

/** Tracks that came while nobody waited for them. */
interface News {
  /** The number of tracks that nobody has seen in the Music tab. */
  count: number;
  /** Of the one that came now. */
  title?: string;
  /** The end of its job. */
  what?: "ready" | "failed" | "cancelled" | "lost";
  /** The amount that the gateway took for it, in US dollars. */
  charge?: number | null;
}

/** Tracks that were ordered before their runs, and that no node has asked for yet. */
interface Ahead {
  /** Of the runs in the queue; amounts are in US dollars. */
  runs: number;
  tracks: number;
  price: number;
  /** The tracks of runs that were removed or stopped. */
  kept: number;
  kept_price: number;
}

/** A line that a running node shows. */
interface Status {
  /** The id of the node's execution. */
  node: string;
  /** The run. */
  prompt_id: string;
  /** In English. */
  text: string;
  /** Its sentences, to be said in the page's language; none for a text without words of ours. */
  parts: { key: string; values: Record<string, string> }[];
}

/** An error of the pack's own. */
interface PackError {
  type: string;
  /** The fault and its remedy, in English. */
  text: string;
  job_id: string | null;
  /** The amount that the gateway took for the job, in US dollars. */
  charge?: number;
  /** The ledger's id, of a track that may be bought already. */
  local_id: string | null;
  /** The name of the setting that holds the limit. */
  setting: string;
  /** The id of the node's execution. */
  node?: string | null;
  prompt_id?: string;
}

/** The settings on the server. The key itself is not among them. */
interface Settings {
  sandbox: boolean;
  key: { source: string; hint: string; removable: boolean } | null;
  values: Record<string, string | number | boolean>;
  /** Names of those that an environment variable sets. */
  environment: string[];
  file: string;
}

// The price before a run

/** A list that a cue sheet gives. The server reads the sheet. */
interface Cues {
  table: unknown;
  file: unknown;
  output: number;
}

/** The items that an input of a node gets, one after the other. */
interface Items {
  /** `undefined` where only the run decides one. */
  items: unknown[];
  /** Whether there are no more than these. */
  isWhole: boolean;
  /** The list of a cue sheet, in place of the items. */
  cues?: Cues;
}

/** The question to the server for the price of a node's tracks. */
interface PriceRequest {
  /** The known inputs, each a value, a list or a cue sheet: all of them, or only the model, because
   * only a whole request can be found among those that were bought. */
  request: Record<string, unknown>;
  /** In seconds: a number, a list or a cue sheet. */
  duration: unknown;
  /** If not, `duration` is some duration to find the price of a second with. */
  isDurationKnown: boolean;
  /** Whether the length is that of the music which a Music Length keeps. */
  isKept: boolean;
  /** Items of the longest list. */
  count: number;
  /** Tracks that each item makes, a number or a list. */
  takes: unknown;
  /** If not, the run may make more tracks. */
  isCountWhole: boolean;
  /** Whether each run makes other tracks. */
  isNewEachRun: boolean;
  /** The number of runs that each make other tracks. */
  runs: number;
}

/** The text of a price line, and the next step. */
interface PriceText {
  text: string;
  isWarning: boolean;
  step?: Step;
  /** The name of the setting that holds the limit. */
  setting?: string;
  /** The ledger's id of a track that may be bought already. */
  uncertain?: string;
}

/** A person's next step after a price, a status or an error. */
type Step =
  | "set_key"
  | "get_key"
  | "top_up"
  | "open_dashboard"
  | "change_mode"
  | "raise_limit"
  | "pick_up"
  | "buy_again"
  | "try_again"
  | "open_settings"
  | "show_node"
  | "show_field";

/** The facts that a step needs. */
interface StepFacts {
  /** The name of the setting that holds the limit. */
  setting?: string;
  /** A track that may be bought already. */
  track?: Track | null;
  /** The id of the node's execution. */
  node?: string | null;
  /** Called when the step was taken. */
  after?: () => unknown;
}

// The Music tab

/** What a button of a row does. */
type Action =
  | "play"
  | "compare"
  | "copy_id"
  | "reuse"
  | "pick_up"
  | "cancel"
  | "buy_again"
  | "hide"
  | "star"
  | "group";

/** The state of a row beside its track. */
interface RowState {
  isPlaying: boolean;
  /** Of the track in the comparison; "" where it is not compared. */
  letter: string;
}

/** The takes of one request that one run made. */
interface Group {
  size: number;
  is_first: boolean;
  /** The id by which it was opened; null where only its first row is listed. */
  opened: string | null;
}

type Act = (action: Action, track: Track) => unknown;

// The graph's geometry

/** x and y, or width and height. */
type Vector = [number, number];

interface Box {
  pos: Vector;
  size: Vector;
}

interface Edges {
  left: number;
  top: number;
  right: number;
  bottom: number;
}
