// Why a cluster cannot be read, as a word and a sentence with what would help. Pure.

import type { KubernetesError, KubernetesErrorCode } from "@harmony/kube-api";
import type { SourceReason } from "../reasons.ts";

const RIGHTS = "kubectl apply -f iot/deploy/operator.yaml";
const AGAIN = "it is tried again";

const AUTHORITY = `put the authority that signed the certificate of the API server into KUBECONFIG (certificate-authority); ${AGAIN}`;

const CURES: Readonly<Record<KubernetesErrorCode, string>> = {
  NotConfigured: "set KUBECONFIG, or run it in the cluster with a service account",
  Unreachable: `check the API server, and the network between the operator and it; ${AGAIN}`,
  Timeout: `check the API server, and the network between the operator and it; ${AGAIN}`,
  Unauthorized: `renew the token or the certificate that the operator shows (KUBECONFIG, or its service account); ${AGAIN}`,
  Forbidden: `give the operator its rights (\`${RIGHTS}\`)`,
  NotFound: "make the definition known (`kubectl apply -f iot/deploy/crd.yaml`)",
  Conflict: `nothing has to be done, ${AGAIN}`,
  Gone: `nothing has to be done, ${AGAIN}`,
  Invalid: "update the definition (`kubectl apply -f iot/deploy/crd.yaml`)",
  TooManyRequests: `nothing has to be done, ${AGAIN} more slowly; see what loads the API server if it stays so`,
  ServerError: `see the log of the API server; ${AGAIN}`,
  BadAnswer: "check that the address in KUBECONFIG is that of an API server, and the proxy before it",
};

export function whyUnreadable(error: KubernetesError, plural = "deployments"): { readonly reason: SourceReason; readonly message: string } {
  if (error.code === "NotFound") {
    return { reason: "CrdMissing", message: `the cluster does not know ${plural}.iot.nationtech.io: ${CURES.NotFound}` };
  }
  // Node adds an option of its own command line, which helps nobody here.
  const [cause = ""] = error.cause instanceof Error ? error.cause.message.split("; ") : [];
  const cure = error.code === "Unreachable" && /certificate|altname/i.test(cause) ? AUTHORITY : CURES[error.code];
  return { reason: error.code, message: `${error.message}${cause === "" ? "" : ` (${cause})`}; ${cure}` };
}
