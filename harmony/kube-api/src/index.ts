export { loadKubernetesConfig } from "./configuration.ts";
export { connectKubernetes, type KubernetesConnection, type KubernetesRequest } from "./connection.ts";
export { KUBERNETES_ERROR_CODES, KubernetesError, type KubernetesErrorCode } from "./kubernetes-error.ts";
export {
  listAndWatch,
  type ListAndWatchOptions,
  listObjects,
  type ObjectChange,
  type ResourceStore,
  type StoreState,
} from "./list-and-watch.ts";
export {
  apiVersionOf,
  applyObject,
  applyStatus,
  createObject,
  isNewer,
  KubernetesObject,
  type ObjectName,
  readObject,
  resourceName,
  resourcePath,
  type ResourceType,
  setFinalizer,
} from "./resource.ts";
