export { cloudInit, cloudInitNetwork } from "./cloud-init.ts";
export { type HostCapabilities, type HostInterpret, linuxHostV0 } from "./linux-host-v0.ts";
export type { HostApplication } from "./model/application.ts";
export type { LinuxHostV0 } from "./score/linux-host-v0-schema.ts";
export type { HostReport, StepReport } from "./report/report.ts";
export { connectSsh, type ScriptResult, type Ssh, type SshOptions } from "./ssh/ssh.ts";
export { SshError, type SshErrorCode } from "./ssh/ssh-error.ts";
