// What the demo needs of a device: own-podman.ts and simulated-device.ts serve it, choose-device.ts
// picks.

export interface DemoDevice extends AsyncDisposable {
  readonly id: string;
  /** What it is, for the person. */
  readonly description: string;
  /** Where its published ports answer. */
  readonly address: string;
  /** Two that nothing else listens on there. */
  readonly ports: readonly [number, number];
  /** The path, on this machine, of its Podman socket. */
  readonly podmanSocket: string;
  /** Where a server must listen for the device to reach it. */
  readonly hostAddress: string;
  /** The name of the demo's image of that version; only "1" and "2" exist. */
  image(version: string): string;
  startAgent(config: AgentSettings): Promise<void>;
  /** What the agent logged, oldest first. */
  agentEvents(): Promise<readonly { at: number; message: string }[]>;
  curl(port: number): Promise<{ stdout: string }>;
  /** Names of all containers of the platform. */
  containers(): Promise<readonly string[]>;
  /** When that container's process started, in milliseconds since the epoch. */
  startedAt(container: string): Promise<number | null>;
  readonly lookAround: readonly { title: string; command: string }[];
}

export interface AgentSettings {
  readonly natsUrl: string;
  /** Lines of TOML for the section [agent]. */
  readonly agentSettings?: string;
}

export const DEVICE_ID = "pi-demo-01";
