// The border between a resource as the API server holds it and a Deployment that the operator serves. The CRD refuses most
// mistakes at admission; what it could not refuse, or what an older CRD let in, is refused here with a sentence. Pure.

import { canonicalPath, type Issue } from "@harmony/core";
import { isDnsLabel, parse } from "@harmony/schema";
import { API_VERSION, asDeploymentName, asDeviceId, Deployment, DEPLOYMENT_KIND, SCORE_LIMIT_BYTES, scoreString } from "@iot/contracts";
import type { KubernetesObject } from "@iot/kubernetes";
import type { RefusedDeployment, SourceDeployment, SourceObject } from "../source.ts";
