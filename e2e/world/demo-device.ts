// The demo's needs of a device. own-podman.ts and simulated-device.ts serve them, choose-device.ts
// picks one.

export interface DemoDevice extends AsyncDisposable {
  readonly id: string;
  /** Its kind, for the person. */
  readonly description: string;
  /** The address at which its published ports answer. */
  readonly address: string;
  /** Two ports that nothing else listens on there. */
  readonly ports: readonly [number, number];
  /** The path, on this machine, of its Podman socket. */
  readonly podmanSocket: string;
  /** The address on which a server must listen for the device to reach it. */
  readonly hostAddress: string;
  /** The name of the demo's image of that version; only "1" and "2" exist. */
  image(version: string): string;
  /**
   * Installs the agent and gives the device an identity by that code; resolves when it is in NATS.
   */
  startEnrolled(by: EnrolmentCode): Promise<void>;
  /** The agent's log, oldest first. */
  agentEvents(): Promise<readonly { at: number; message: string }[]>;
  curl(port: number): Promise<{ stdout: string }>;
  /** The names of all containers of the platform. */
  containers(): Promise<readonly string[]>;
  /** The time when that container's process started, in milliseconds since the epoch. */
  startedAt(container: string): Promise<number | null>;
  readonly lookAround: readonly { title: string; command: string }[];
}

export interface EnrolmentCode {
  readonly url: string;
  /** The path of the PEM that has signed its certificate. */
  readonly caFile: string;
  /** As `iot device add` prints it. */
  readonly code: string;
}

export interface AgentSettings {
  readonly natsUrl: string;
  /** Lines of TOML for the section [agent]. */
  readonly agentSettings?: string;
}

export const DEVICE_ID = "pi-demo-01";
