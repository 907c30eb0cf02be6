export { connectPodman, type Info, type Podman } from "./podman.ts";
export { type DiskSpace, localDisk } from "./disk-space.ts";
export { type ImageLedger, type ImageLedgerOptions, openImageLedger } from "./image-ledger.ts";
export { PodmanError, type PodmanErrorCode } from "./podman-error.ts";
export { containerName, LABELS } from "./names.ts";
export { parsePodmanV0 } from "./parse-podman-v0.ts";
export { type DeviceIdentity, podmanV0 } from "./podman-v0.ts";
export { PodmanV0 } from "./podman-v0-schema.ts";
