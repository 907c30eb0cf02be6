// For tests and journeys; the program itself is main.ts.

export { type AgentOptions, runAgent } from "./agent.ts";
export { type AgentConfig, parseConfig, readConfig } from "./config/config.ts";
export { PodmanDevice, type PodmanDeviceCapabilities } from "./device/topology.ts";
export { connectServiceManager, type ServiceManager } from "./systemd/service-manager.ts";
export type { RemotePolicy } from "./config/config.ts";
