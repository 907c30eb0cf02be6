export { canonicalJson } from "./canonical-json.ts";
export { DOCUMENT_LIMITS, ENVELOPE_LIMITS, type SizeLimits } from "./document-size.ts";
export { DNS_LABEL, DnsLabel, isDnsLabel } from "./dns-label.ts";
export { lookUp } from "./look-up.ts";
export { lettersApart, nearName } from "./near-name.ts";
export { parse, parseJson } from "./parse.ts";
