/** What the pack uses of ComfyUI's frontend, from the one of ComfyUI 0.8.0 to the newest. */

declare module "*/scripts/app.js" {
  type Id = number | string;

  /** A field of a node. */
  export interface Widget {
    name: string;
    value: unknown;
    serialize?: boolean;
    /** What the field is called on the screen. */
    label?: string;
    /** What is sent to the server instead of the value. */
    serializeValue?(): unknown;
    /** Fields that belong to this one, for example what happens to its number after each run. */
    linkedWidgets?: Widget[];
    /** The values of a list, and how it shows them. */
    options?: { values?: unknown; getOptionLabel?(value?: string | null): string };
    /** Its width in the classic canvas, where it differs from the node's. */
    width?: number;
    callback?(value: unknown): void;
    /** Set the value as a person does. */
    setValue?(value: unknown, cause: { e: Event; node: GraphNode; canvas: Canvas }): void;
    /** Called by the classic canvas when a button goes down; `true` stops what it would do. */
    onPointerDown?(pointer: Pointer, node: GraphNode, canvas: Canvas): boolean;
  }

  /** What a button of the mouse does on the classic canvas until it goes up again. */
  export interface Pointer {
    onClick?(event: Event): void;
    finally?(): void;
  }

  /** A field that the pack adds. */
  export interface CustomWidget extends Omit<Widget, "options"> {
    type: string;
    element: HTMLElement;
    hidden: boolean;
    options: { serialize: boolean; hidden: boolean; canvasOnly: boolean };
    computeSize(): Pair;
  }

  export interface Link {
    origin_id: Id;
    origin_slot: number;
  }

  export interface NodeInput {
    name: string;
    /** The id of the link that ends here. */
    link?: number | null;
  }

  /** What the server says of a node's class. */
  export interface NodeData {
    output_is_list?: boolean[];
    /** Absent in older versions of ComfyUI. */
    is_input_list?: boolean;
  }

  /** A graph of the canvas: the one that holds all others, or a subgraph. */
  export interface Graph {
    nodes?: GraphNode[];
    /** `nodes` in older versions. */
    _nodes?: GraphNode[];
    links?: Map<number, Link> | Record<number, Link>;
    /** The subgraph's own inputs. */
    inputs?: { name: string }[];
    /** The subgraph's own outputs, with the links within that end at them. */
    outputs?: { linkIds?: number[] }[];
    subgraphs?: Map<string, Graph>;
    getNodeById(id: Id): GraphNode | null | undefined;
    getLink?(id: number): Link | undefined;
    add(node: GraphNode): void;
    beforeChange?(): void;
    afterChange?(): void;
    setDirtyCanvas?(foreground: boolean, background: boolean): void;
    /** Tell whoever listens what happened. */
    trigger?(action: string, event: Record<string, unknown>): void;
  }

  /** A text at the title of a node. */
  export interface Badge {
    text: string;
    fgColor: string;
    bgColor: string;
  }

  type Pair = [number, number];

  export interface GraphNode {
    id: Id;
    type: string;
    /** The id of the node's class on the server. */
    comfyClass?: string;
    graph: Graph;
    constructor: { nodeData?: NodeData };
    /** The graph that this node stands for. */
    subgraph?: Graph;
    inputs?: NodeInput[];
    outputs?: { links?: unknown[] | null }[];
    /** 2: muted, 4: bypassed. */
    mode?: number;
    badges?: (Badge | (() => Badge))[];
    widgets?: Widget[];
    pos: Pair;
    size: Pair;
    computeSize(): Pair;
    configure(saved: SavedNode): unknown;
    setSize?(size: Pair): void;
    setDirtyCanvas?(foreground: boolean, background?: boolean): void;
    connect(output: number, node: GraphNode, input: number): unknown;
    findInputSlot(name: string): number;
    findOutputSlot(name: string): number;
    addDOMWidget(
      name: string,
      type: string,
      element: HTMLElement,
      options: {
        serialize: boolean;
        hideInPanel: boolean;
        disabled: boolean;
        hideOnZoom: boolean;
        margin: number;
        getValue(): unknown;
        getMinHeight(): number;
        getMaxHeight(): number;
      },
    ): Widget & { options: object };
    addCustomWidget(widget: CustomWidget): unknown;
    onRemoved?(...values: unknown[]): unknown;
  }

  export interface Canvas {
    /** Where the mouse is in the graph. */
    graph_mouse?: Pair;
    /** The widget that is being used. */
    node_widget?: unknown;
    /** The graph that is open, absent in older versions. */
    graph?: Graph;
    canvas: HTMLCanvasElement;
    /** What is seen of the graph. */
    ds: { offset: Pair; scale: number };
    processMouseWheel?(event: WheelEvent): void;
    processMouseDown?(event: PointerEvent): void;
    processMouseMove?(event: PointerEvent): void;
    processMouseUp?(event: PointerEvent): void;
    selectNodes?(nodes: GraphNode[]): void;
    centerOnNode?(node: GraphNode): void;
  }

  interface Setting {
    id: string;
    name: string;
    category: string[];
    tooltip: string;
    type(): HTMLElement;
    defaultValue: unknown;
    sortOrder: number;
  }

  type InputDefinition = [string | unknown[], Record<string, unknown>?];

  interface NodeDefinition {
    name: string;
    input?: Partial<Record<"required" | "optional", Record<string, InputDefinition>>>;
  }

  /** What an App shows of a field; `say` and `n` are the pack's own. */
  interface AppField {
    height?: number;
    /** The key of the words that name the field, and the number that they hold. */
    say?: string;
    n?: number;
  }

  interface SavedNode {
    id?: Id;
    type: string;
    inputs?: { name: string; label?: string; widget?: { name: string } }[];
    widgets_values?: unknown;
  }

  interface SavedGraph {
    nodes?: SavedNode[];
    extra?: { linearMode?: boolean; linearData?: { inputs?: [Id, string, AppField?][] } };
  }

  interface Extension {
    name: string;
    settings: Setting[];
    init(): Promise<void>;
    setup(): Promise<void>;
    beforeRegisterNodeDef(type: unknown, definition: NodeDefinition): void;
    beforeConfigureGraph(graph: SavedGraph): void;
    nodeCreated(node: GraphNode): void;
    onNodeOutputsUpdated(outputs: Record<string, unknown>): void;
  }

  /** A tab of the page. A mode is "graph", "app", or a step of the App builder. */
  interface Workflow {
    /** That the person chose; absent in older versions. */
    activeMode?: string | null;
    /** That the file names. */
    initialMode?: string | null;
  }

  interface SidebarTab {
    id: string;
    icon: string;
    title: string;
    tooltip: string;
    type: "custom";
    /** Shown on the icon. */
    iconBadge: string;
    render(parent: HTMLElement): void;
    destroy(): void;
  }

  export const app: {
    graph: Graph;
    /** Absent in older versions. */
    rootGraph?: Graph;
    canvas: Canvas;
    /** Opens a file that was dropped on the canvas, or chosen. */
    handleFile?(file: File, ...rest: unknown[]): Promise<unknown>;
    registerExtension(extension: Extension): void;
    /** Run the graph; the first number is the place in the queue. */
    queuePrompt(place: number, times: number, ...options: unknown[]): Promise<unknown>;
    ui: {
      lastQueueSize?: number | string;
      settings: {
        getSettingValue(id: string): unknown;
        addEventListener(type: string, listener: () => void): void;
      };
    };
    extensionManager: {
      queueSettings?: { batchCount: number; mode?: string };
      /** What is wrong with nodes at the queue, by their ids; absent in older versions. */
      lastNodeErrors?: Record<string, { class_type?: string; errors: { type: string }[] }> | null;
      /** Why the last run ended; absent in older versions. */
      lastExecutionError?: { exception_type?: string } | null;
      workflow?: { activeWorkflow: Workflow | null };
      command: { execute(id: string): Promise<void> };
      registerSidebarTab(tab: SidebarTab): void;
      getSidebarTabs(): SidebarTab[];
      toast: {
        add(message: { severity: string; summary: string; detail: string; life: number }): void;
      };
      dialog: {
        confirm(question: { title: string; message: string }): Promise<boolean | null>;
      };
    };
  };
}

declare module "*/scripts/api.js" {
  /** What the server says of a node that ended. */
  interface Executed {
    node: string;
    prompt_id?: string;
    display_node?: string;
    output?: Record<string, unknown> | null;
  }

  interface Ended {
    prompt_id?: string;
  }

  interface ApiEvents {
    executed: CustomEvent<Executed>;
    aigateway_status: CustomEvent<Status>;
    aigateway_error: CustomEvent<PackError>;
    aigateway_news: CustomEvent<News>;
    aigateway_ahead: CustomEvent<Ahead>;
    execution_start: CustomEvent;
    execution_success: CustomEvent<Ended>;
    execution_error: CustomEvent<Ended>;
    execution_interrupted: CustomEvent<Ended>;
    /** Absent in a message about something else. */
    status: CustomEvent<{ exec_info?: { queue_remaining: number } } | null>;
    /** The page has the server again, which may be another process. */
    reconnected: CustomEvent;
  }

  export const api: {
    apiURL(path: string): string;
    fetchApi(path: string, options?: RequestInit): Promise<Response>;
    queuePrompt(...values: unknown[]): Promise<{ prompt_id?: string }>;
    /** The names of the templates by the folders of their packs. */
    getWorkflowTemplates(): Promise<Record<string, string[]>>;
    addEventListener<Type extends keyof ApiEvents>(
      type: Type,
      listener: (event: ApiEvents[Type]) => void,
    ): void;
    removeEventListener<Type extends keyof ApiEvents>(
      type: Type,
      listener: (event: ApiEvents[Type]) => void,
    ): void;
  };
}

/** LiteGraph, which draws the canvas. */
interface Window {
  LGraphBadge: new (options: { text: string }) => import("../../../scripts/app.js").Badge;
  LiteGraph: {
    createNode(type: string): import("../../../scripts/app.js").GraphNode;
    ContextMenu: new (
      entries: string[],
      options: {
        event: Event;
        scale: number;
        className: string;
        callback(entry: string): void;
      },
    ) => unknown;
    /** Whether Nodes 2.0 draws the nodes. */
    vueNodesMode?: boolean;
  };
  comfyAPI?: {
    utils?: {
      applyTextReplacements?(
        from: typeof import("../../../scripts/app.js").app,
        text: string,
      ): string;
    };
  };
}
