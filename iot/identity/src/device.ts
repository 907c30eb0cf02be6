// What the agent uses of this package: nothing here loads a library of JWTs.

export { keySigner, privateKeyOf, signAssertion, signProof, type Signer, tokenScope } from "./assertion.ts";
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
  ZitadelAccount,
} from "./documents.ts";
export { groupInToken } from "./group-claim.ts";
export { type Given, type Heard, HttpPeer, type PeerAddress, PeerClock } from "./http-peer.ts";
export { type BaoRead, deviceLogin, OpenBao } from "./openbao.ts";
