export { keySigner, privateKeyOf, signAssertion, signProof, type Signer } from "./assertion.ts";
export { codeOfKey, keyIdOf, makeDeviceKey, publicPem, type PublicKeyRead, readPublicKey } from "./device-key.ts";
export {
  Bootstrap,
  DeviceCode,
  DeviceRecord,
  EnrolledId,
  EnrolmentAnswer,
  EnrolmentRecord,
  EnrolmentRequest,
  Grant,
  type Hardware,
  Issuer,
  type NatsServers,
  Nonce,
  Person,
  TokenAnswer,
} from "./documents.ts";
export {
  type AssertionKey,
  roleClaim,
  signToken,
  TOKEN_BYTES,
  type TokenClaims,
  type Verified,
  verifyAssertion,
  verifyProof,
  verifyToken,
} from "./verify.ts";
