export { cloudInit, cloudInitNetwork } from "./cloud-init.ts";
export { type HostCapabilities, type HostInterpret, interpretHost, linuxHostV0 } from "./linux-host-v0.ts";
export { LinuxHostV0 } from "./linux-host-v0-schema.ts";
export type { HostReport, StepReport } from "./report.ts";
export { connectSsh, type ScriptResult, type Ssh, type SshOptions } from "./ssh.ts";
export { SshError, type SshErrorCode } from "./ssh-error.ts";
