export { canonicalJson } from "./canonical-json.ts";
export { DNS_LABEL, DnsLabel, isDnsLabel } from "./dns-label.ts";
export { lookUp } from "./look-up.ts";
export { parse, parseJson } from "./parse.ts";
