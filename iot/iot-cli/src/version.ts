// Which `iot` this is: the version of the build, which build/package writes into the bundle; run
// from its sources, that of its npm package.

import manifest from "../package.json" with { type: "json" };

declare const BUILT_VERSION: string | undefined;

export const IOT_VERSION: string = typeof BUILT_VERSION === "string" ? BUILT_VERSION : manifest.version;
