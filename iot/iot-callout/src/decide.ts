// Decides who comes in, as a table: what was shown, what the token says, and what was granted → a
// user with its permissions, or a refusal with the sentence for the log. Pure. The permissions come
// from the one function that also makes the static configuration; a grant names rights, never
// subjects.

import { asDeviceId, devicePermissions, PEOPLE_ACCOUNT, type Permissions, personPermissions } from "@iot/contracts";
import type { Grant, PersonClaims, TokenClaims, Verified } from "@iot/identity";

export interface Asked {
  /** As CONNECT says it. */
  readonly user: string | undefined;
  readonly verified: Verified<TokenClaims>;
  /** The grant of the token's device. null: there is none; undefined: nobody can say. */
  readonly grant: Grant | null | undefined;
}

export type Decision =
  | {
      readonly kind: "in";
      readonly account: "DEVICES" | typeof PEOPLE_ACCOUNT;
      /** The name of a device, or of a person. */
      readonly name: string;
      readonly permissions: Permissions;
      /** The server ends the connection then. */
      readonly expiresAtS: number;
    }
  | { readonly kind: "refused"; readonly device: string; readonly why: string }
  /** Only who was never seen, while somebody is away, is answered so. */
  | { readonly kind: "unknown"; readonly device: string; readonly why: string };

/** As much as a clock may be off. */
const GRACE_S = 30;

export function decide({ user = "", verified, grant }: Asked): Decision {
  if (verified.kind !== "valid") return { kind: verified.kind, device: user, why: verified.why };
  const { device, issuedAtS, expiresAtS } = verified.claims;
  const refused = (why: string): Decision => ({ kind: "refused", device, why });
  if (user !== device) return refused(`the user is "${user}", and the token is of "${device}"`);
  if (grant === undefined) return { kind: "unknown", device, why: "the grant of the device cannot be had" };
  if (grant === null) return refused("the device has no grant: approve it");
  if (grant.state === "disabled") {
    return refused(
      `the device is disabled${grant.reason === undefined ? "" : ` (${grant.reason})`}: iot device enable ${device} lets it in`,
    );
  }
  if (grant.tokensNotBefore !== undefined && issuedAtS < grant.tokensNotBefore) {
    return refused("the token is from before all of the device's tokens were ended");
  }
  return {
    kind: "in",
    account: "DEVICES",
    name: device,
    permissions: devicePermissions(asDeviceId(device), grant.capabilities),
    expiresAtS: expiresAtS + GRACE_S,
  };
}

/** A person has a role, and no grant: the token ends within minutes, and says what he may. */
export function decidePerson(user: string | undefined, { person, role, expiresAtS }: PersonClaims): Decision {
  if (user !== person) return { kind: "refused", device: person, why: `the user is "${user ?? ""}", and the token is of "${person}"` };
  const permissions = personPermissions(person, role);
  return { kind: "in", account: PEOPLE_ACCOUNT, name: person, permissions, expiresAtS: expiresAtS + GRACE_S };
}
