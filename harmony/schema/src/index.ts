export { canonicalJson } from "./canonical-json.ts";
export { DNS_LABEL, DnsLabel, isDnsLabel } from "./dns-label.ts";
export { parse, parseJson } from "./parse.ts";
