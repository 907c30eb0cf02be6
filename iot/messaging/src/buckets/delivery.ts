// What a consumer's reply subject says of the message that it delivered.

export interface Delivery {
  readonly streamSequence: number;
  readonly consumerSequence: number;
  readonly writtenAtMs: number;
  readonly pending: number;
}

/**
 * Null: it is no delivery.
 * `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer
 * seq>.<ns>.<pending>[.<token>]`
 */
export function parseDelivery(reply: string): Delivery | null {
  const tokens = reply.split(".");
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK" || tokens.length < 9) return null;
  const [streamSequence = "", consumerSequence = "", ns = "", pending = ""] = tokens.slice(tokens.length === 9 ? 5 : 7);
  return {
    streamSequence: Number(streamSequence),
    consumerSequence: Number(consumerSequence),
    writtenAtMs: Number(ns.slice(0, -6)),
    pending: Number(pending),
  };
}
