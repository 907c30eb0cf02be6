// One HTTP request, up to the head of its answer. A service may close a connection that is kept
// open just as the next request is written to it: nothing was answered then, and a request that may
// be made twice is made once more.

import type { ClientRequest, IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface RequestToSend {
  readonly body?: string | Uint8Array | Readable | undefined;
  readonly isRepeatable: boolean;
  /** The one that `open` gives to the request. */
  readonly signal?: AbortSignal;
}

/**
 * `open` begins the request. Rejects with the socket's error, or the reason of an abort before it.
 */
export async function sendRequest(open: () => ClientRequest, { body, isRepeatable, signal }: RequestToSend): Promise<IncomingMessage> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = open();
  request.once("response", resolve);
  request.once("error", (error) => {
    if (isRepeatable && request.reusedSocket && signal?.aborted !== true) resolve(sendRequest(open, { body, isRepeatable: false }));
    else reject(error);
  });
  // What breaks off here ends the request with an error; the service may also answer before it has
  // read all.
  if (body instanceof Readable) pipeline(body, request, { signal }).catch(reject);
  else request.end(body);
  return await promise;
}
