// What the agent uses of this package: nothing here loads a library of JWTs.

export { keySigner, privateKeyOf, signAssertion, signProof, type Signer } from "./assertion.ts";
export { codeOfKey, keyIdOf, makeDeviceKey, publicPem } from "./device-key.ts";
export {
  DeviceDocument,
  EnrolmentAnswer,
  type EnrolmentRequest,
  type Hardware,
  NatsServers,
  Nonce,
  OpenBaoPlace,
  RekeyAnswer,
  type RekeyRequest,
  TokenAnswer,
} from "./documents.ts";
export { Endpoint, type Given, type Heard, type Sent, type ServiceAddress } from "./endpoint.ts";
export { deviceLogin, OpenBao } from "./openbao.ts";
