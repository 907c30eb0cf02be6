// Stands between a program and the HTTP server that it talks to over a unix socket (an agent and
// Podman). Everything is passed on as it is, until the request that a test waits for. That request
// is held, before it has reached the server or after the server has answered it, so that the
// program can be killed at exactly that moment. No other part knows of it.

import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

export interface Interception {
  readonly method: string;
  readonly path: RegExp;
  /**
   * `before`: the request has not reached the server. `after`: the server has answered, and the
   * program does not know.
   */
  readonly when: "before" | "after";
}

export interface Interceptor {
  /**
   * Resolves when the next such request is held; several waits may stand at once. The request is
   * never answered: the test ends the program that sent it.
   */
  hold(what: Interception): Promise<void>;
  /** Cancels every wait. */
  forget(): void;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startInterceptor(options: { readonly listen: string; readonly target: string }): Promise<Interceptor> {
  const { listen, target } = options;
  const awaited = new Set<Interception & { readonly caught: () => void }>();

  const find = ({ url = "", method }: IncomingMessage, when: Interception["when"]) =>
    [...awaited].find((one) => one.when === when && one.method === method && one.path.test(url));
  const isAwaited = (incoming: IncomingMessage, when: Interception["when"]): boolean => {
    const found = find(incoming, when);
    if (found === undefined) return false;
    awaited.delete(found);
    found.caught();
    return true;
  };
  const pass = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (isAwaited(incoming, "before")) return;
    const { method, url, headers } = incoming;
    const mayBeAwaited = find(incoming, "after") !== undefined;
    const onward = request({ socketPath: target, method, path: url, headers }, (answer) => {
      if (answer.statusCode !== undefined && answer.statusCode < 400 && isAwaited(incoming, "after")) return void answer.resume();
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      // A stream's head is passed on at once, even before there is any body.
      outgoing.flushHeaders();
      answer.on("error", () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    // An awaited request is carried to its end, although the program that asked is ended meanwhile:
    // it is done, and would not be asked for again.
    if (!mayBeAwaited) outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  };

  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, pass);
  await rm(listen, { force: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(listen, resolve);
  await promise;
  await chmod(listen, 0o666);
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((closed) => server.close(() => closed()));
  };
  return {
    hold: ({ method, path, when }) => {
      const held = Promise.withResolvers<void>();
      awaited.add({ method, path, when, caught: held.resolve });
      return held.promise;
    },
    forget: () => awaited.clear(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
