// Describes in words the machine that the figures were taken on.

import { arch, cpus, release, totalmem } from "node:os";

export function machine(): string {
  return `${cpus().length} cores (${cpus()[0]?.model.trim() ?? arch()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split("-")[0]}, Node ${process.version}`;
}
