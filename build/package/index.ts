// The agent as it is shipped, for `npm run package` and for those who install it on a simulated
// device.

export { AGENT_SETUP, agentTree, DEBIAN_LAYOUT } from "./agent-tree.ts";
export { copyrightFile } from "./bill-of-materials.ts";
export { buildDebianPackage } from "./debian-package.ts";
export { AGENT_FLAGS, buildExecutable } from "./executable.ts";
export { hostTarget } from "./target.ts";
export { versionOfCommit } from "./version.ts";
