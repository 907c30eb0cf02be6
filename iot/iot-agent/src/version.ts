// Which agent this is: the version of its package, also in the bundle.

import manifest from "../package.json" with { type: "json" };

export const AGENT_VERSION: string = manifest.version;
