// The names on the device. They are the contract with the person who types `podman ps`: a change
// orphans what runs, as does a change of the labels (application.ts).

import { createHash } from "node:crypto";

/** No DNS label has an underscore, so no two pairs of deployment and service collide. */
export function containerName(deployment: string, service: string): string {
  return `${deployment}_${service}`;
}

/** The name of the next container of a service, until it takes over. */
export function nextName(deployment: string, service: string): string {
  return `${containerName(deployment, service)}.next`;
}

/** The name of the previous container, stopped and kept until the new one has proved itself. */
export function oldName(deployment: string, service: string): string {
  return `${containerName(deployment, service)}.old`;
}

/** The service of a container of ours, by its name. */
export function serviceOfName(deployment: string, name: string): string {
  return name.startsWith(`${deployment}_`) ? name.slice(deployment.length + 1).replace(/\.(next|old)$/, "") : name;
}

/** The deployment of a container of ours, by its name and its service. */
export function deploymentOfName(name: string, service: string): string {
  return name.slice(0, name.lastIndexOf(`_${service}`));
}

export function networkName(deployment: string): string {
  return `${deployment}_default`;
}

export function volumeName(deployment: string, volume: string): string {
  return `${deployment}_${volume}`;
}

/**
 * The volume for a path that the image of a service declares as VOLUME and that its Score does not
 * mount. Another service of the deployment may name it, as `<service>.<path>`.
 */
export function imageVolumeName(deployment: string, service: string, path: string): string {
  const plain = path.slice(1).replaceAll("/", "-");
  // Two paths that look the same as a name are told apart.
  const isPlain = /^[a-z0-9]+(-[a-z0-9]+)*$/.test(plain) && !path.includes("-");
  const digest = createHash("sha256").update(path).digest("hex").slice(0, 8);
  const name = isPlain ? plain : `${plain.replaceAll(/[^a-zA-Z0-9_.-]/g, "")}.${digest}`;
  return `${imageVolumesOf(deployment, service)}${name}`;
}

/** What the names of all such volumes of a service begin with. */
export function imageVolumesOf(deployment: string, service: string): string {
  return `${containerName(deployment, service)}.`;
}

/**
 * The reference as Podman looks it up: a name without a registry is Docker Hub's, on every device
 * alike.
 */
export function imageReference(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const named = hasRegistry ? image : `docker.io/${rest.length === 0 ? "library/" : ""}${image}`;
  const isTagged = /@|:[^/]+$/.test(named);
  return isTagged ? named : `${named}:latest`;
}
