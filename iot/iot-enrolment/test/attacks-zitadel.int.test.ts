// The list of attacks a second time: on a service whose devices get their tokens at Zitadel.

import { withZitadel } from "./variant.ts";

withZitadel();
await import("./attacks.ts");
