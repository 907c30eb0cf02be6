// The programs as they are shipped, for `npm run package` and for those who install it on a
// simulated device.

export { AGENT_SETUP, agentTree, DEBIAN_LAYOUT } from "./agent-tree.ts";
export { copyrightFile } from "./bill-of-materials.ts";
export { buildDebianPackage } from "./debian-package.ts";
export { bundle } from "./bundle.ts";
export { buildExecutable } from "./executable.ts";
export { AGENT_FLAGS, IOT } from "./program.ts";
export { hostTarget } from "./target.ts";
export { versionOfCommit } from "./version.ts";
