// For tests and journeys; the program itself is main.ts.

export { type AgentOptions, runAgent } from "./agent.ts";
export { type AgentConfig, parseConfig, readConfig } from "./config.ts";
export { type CredentialSource, tomlShared } from "./credentials.ts";
export { PodmanDevice, type PodmanDeviceCapabilities } from "./topology.ts";
export { connectServiceManager, type ServiceManager } from "./service-manager.ts";
