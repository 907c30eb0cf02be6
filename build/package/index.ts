// The agent as it is shipped: for `npm run package`, and for what installs it on a simulated device.

export { buildDebianPackage, type Compression } from "./debian-package.ts";
export { AGENT_FLAGS, buildExecutable } from "./executable.ts";
export { agentTree, LOCAL_LAYOUT, DEBIAN_LAYOUT } from "./agent-tree.ts";
export { hostTarget, type Target, TARGETS } from "./target.ts";
