// Exports the real servers and devices that tests start. Only tests, journeys, the bench and the
// demo import this package.
export { cached } from "./cache.ts";
export { agentPackageOfCommit, agentPackageOfTree, FIRST_RELEASE } from "./agent-package.ts";
export { type ArgoCd, startArgoCd } from "./argocd.ts";
export { argoCdAssets } from "./argocd-program.ts";
export { type BlankDevice, type CloudInit, type BlankDeviceOptions, blankDevicePublicKey, startBlankDevice } from "./blank-device.ts";
export { BLANK_USER, type BlankRoot, blankRoot, PACKAGES_FOLDER } from "./blank-root.ts";
export { makeTestCertificate, type TestCertificate } from "./certificate.ts";
export { type Device, type DeviceExecOptions, type DeviceOptions, type NetworkAtBoot, startDevice } from "./device.ts";
export { DEVICE_USER, type PodmanVersion } from "./device-root.ts";
export { documentedReasons } from "./documented-reasons.ts";
export { type EventuallyOptions, eventually } from "./eventually.ts";
export { freePort } from "./free-port.ts";
export { type GitRepository, makeGitRepository } from "./git-repository.ts";
export { HOSTILE_PARTS, OBEYED } from "./hostile-text.ts";
export { type ImageBlob, type ImageOptions, makeImage, type TestImage } from "./image.ts";
export { type KubernetesServer, startKubernetes } from "./kubernetes.ts";
export { type NameServer, startNameServer } from "./name-server.ts";
export { type ClusterServer, type NatsCluster, startNatsCluster } from "./nats-cluster.ts";
export { type NatsOptions, type NatsServer, startNats } from "./nats.ts";
export { recordReads } from "./recorded-reads.ts";
export { type Interception, type Interceptor, startInterceptor } from "./intercept.ts";
export { runEnrolment, startEnrolmentProcess } from "./enrolment-process.ts";
export {
  type OpenBao,
  type OpenBaoAnswer,
  type OpenBaoCredentials,
  type OpenBaoOptions,
  type OpenBaoSetup,
  startOpenBao,
} from "./openbao.ts";
export { type OperatorProcess, startOperatorProcess } from "./operator-process.ts";
export { loadImage } from "./podman-load.ts";
export { findProgram, run, type RunOptions, type RunResult } from "./program.ts";
export { type KubernetesPrograms, kubernetesPrograms, natsServerProgram, skopeoProgram } from "./real-parts.ts";
export { type IssuerOptions, startIssuer, type TestIssuer } from "./issuer.ts";
export { type Registry, type RegistryCredentials, type RegistryOptions, startRegistry } from "./registry.ts";
export { type Relay, type RelayOptions, startRelay } from "./relay.ts";
export { type ServerProcess, type ServerProcessOptions, startServerProcess } from "./server-process.ts";
export { makeTempFolder, type TempFolder } from "./temp-folder.ts";
export { type PodmanKilled, podmanKilledAfterPasta } from "./podman-killed.ts";
export { ACCOUNT_PASSWORDS, natsAccountsConfig, natsSharedConfig } from "./nats-accounts.ts";
export { IDENTITY_PASSWORDS, natsIdentitiesConfig } from "./nats-identities.ts";
export {
  REFUSED_READS,
  REFUSED_SUBJECTS,
  REFUSED_SUBJECTS_OF_PEOPLE,
  REFUSED_SUBSCRIPTIONS,
  REFUSED_VERBS,
  refusedSubscriptionsOfPeople,
} from "./scoping-cases.ts";
export { type Random, randomOf } from "./random.ts";
