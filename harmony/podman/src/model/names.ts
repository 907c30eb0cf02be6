// What things are called on the device. The names are the contract with the person who types
// `podman ps`: a change orphans what runs, as does one of the labels (application.ts).

/** An underscore is in no DNS label, so that no two pairs of deployment and service collide. */
export function containerName(deployment: string, service: string): string {
  return `${deployment}_${service}`;
}

/** Of the container that is to take a service over, until it serves. */
export function nextName(deployment: string, service: string): string {
  return `${containerName(deployment, service)}.next`;
}

/** Of the container that served before, stopped and kept until the new one has proved itself. */
export function oldName(deployment: string, service: string): string {
  return `${containerName(deployment, service)}.old`;
}

/** The service that a container of ours is of, by its name. */
export function serviceOfName(deployment: string, name: string): string {
  return name.startsWith(`${deployment}_`) ? name.slice(deployment.length + 1).replace(/\.(next|old)$/, "") : name;
}

/** The deployment that a container of ours is of, by its name and its service. */
export function deploymentOfName(name: string, service: string): string {
  return name.slice(0, name.lastIndexOf(`_${service}`));
}

export function networkName(deployment: string): string {
  return `${deployment}_default`;
}

export function volumeName(deployment: string, volume: string): string {
  return `${deployment}_${volume}`;
}

/** As Podman looks it up: a name without a registry is Docker Hub's, on every device alike. */
export function imageReference(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const named = hasRegistry ? image : `docker.io/${rest.length === 0 ? "library/" : ""}${image}`;
  const isTagged = /@|:[^/]+$/.test(named);
  return isTagged ? named : `${named}:latest`;
}
