export { type Callout, type CalloutOptions, startCallout } from "./callout.ts";
export { type CalloutKeys, makeKeys, type PublicHalves } from "./keys.ts";
