// What the NATS client takes for `@nats-io/nkeys` in the bundle (`--alias`): nothing, because no
// credential that the agent knows signs anything. With its elliptic curves it is an eighth of the
// bundle, whose source V8 keeps in memory. The first credential that has a key ends this file.

export function fromSeed(): never {
  throw new Error("the agent was built without NKEYs, which a credential with a seed takes");
}
