// Sends one HTTP request, up to the head of its answer. A service may close a connection that is
// kept open just as the next request is written to it. No answer came then, and a request that may
// be repeated is sent again, until one fails on a connection of its own: a service that was started
// again has closed all of them.

import type { ClientRequest, IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface RequestToSend {
  readonly body?: string | Uint8Array | Readable | undefined;
  readonly isRepeatable: boolean;
  /** The signal that `open` gives to the request. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * `open` begins the request. Rejects with the socket's error, or the reason of an abort before it.
 */
export async function sendRequest(open: () => ClientRequest, { body, isRepeatable, signal }: RequestToSend): Promise<IncomingMessage> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = open();
  let isOver = false;
  request.once("response", (response) => {
    isOver = true;
    resolve(response);
  });
  // What breaks after the head of the answer breaks its body, which says so itself. Asked once
  // more, the request would be nobody's.
  request.on("error", (error) => {
    if (isOver) return;
    isOver = true;
    if (isRepeatable && request.reusedSocket && signal?.aborted !== true) resolve(sendRequest(open, { body, isRepeatable, signal }));
    else reject(error);
  });
  // An error in the body ends the request with that error; the service may also answer before it
  // has read all.
  if (body instanceof Readable) pipeline(body, request, { signal }).catch(reject);
  else request.end(body);
  return await promise;
}
