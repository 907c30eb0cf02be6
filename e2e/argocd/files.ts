// The places of the files that a user applies.

import { join } from "node:path";

export const REPOSITORY = join(import.meta.dirname, "../..");
export const DEPLOY = join(REPOSITORY, "iot/deploy");
