// What the service asks of Zitadel, as Zitadel's own definitions have it (a test compares each of them
// with those). All of it are calls of the management: the newer one for a machine has no field for the
// type of its tokens, without which nobody but Zitadel can read them, and the newer ones for keys have
// no path over plain HTTP in those definitions (docs/adr/0064).

export interface ZitadelRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below /management/v1. */
  readonly path: string;
  readonly body?: object;
}

const ROLE = "device";

/** The id of the user is the device's, so that a token names the device. */
export function addMachine(device: string): ZitadelRequest {
  const body = { userId: device, userName: device, name: device, accessTokenType: "ACCESS_TOKEN_TYPE_JWT" };
  return { method: "POST", path: "/users/machine", body };
}

/** `bytes`, so base64, of the whole PEM. Without an end: a device may be off for a year. */
export function addKey(device: string, publicKeyPem: string): ZitadelRequest {
  const body = { type: "KEY_TYPE_JSON", publicKey: Buffer.from(publicKeyPem).toString("base64") };
  return { method: "POST", path: `/users/${device}/keys`, body };
}

export function removeKey(device: string, keyId: string): ZitadelRequest {
  return { method: "DELETE", path: `/users/${device}/keys/${keyId}` };
}

export function listKeys(device: string): ZitadelRequest {
  return { method: "POST", path: `/users/${device}/keys/_search`, body: {} };
}

export function addRole(device: string, project: string): ZitadelRequest {
  return { method: "POST", path: `/users/${device}/grants`, body: { projectId: project, roleKeys: [ROLE] } };
}

export function listRoles(device: string): ZitadelRequest {
  return { method: "POST", path: "/users/grants/_search", body: { queries: [{ userIdQuery: { userId: device } }] } };
}

export function deactivate(device: string): ZitadelRequest {
  return { method: "POST", path: `/users/${device}/_deactivate`, body: {} };
}

export function reactivate(device: string): ZitadelRequest {
  return { method: "POST", path: `/users/${device}/_reactivate`, body: {} };
}

export function readUser(device: string): ZitadelRequest {
  return { method: "GET", path: `/users/${device}` };
}

export function removeUser(device: string): ZitadelRequest {
  return { method: "DELETE", path: `/users/${device}` };
}

export function isRoleOf(project: string, grant: { readonly projectId: string; readonly roleKeys: readonly string[] }): boolean {
  return grant.projectId === project && grant.roleKeys.includes(ROLE);
}
