export { abortable } from "./abortable.ts";
export { backoffMs, type BackoffOptions } from "./backoff.ts";
export { type Clock, systemClock, wallClock } from "./clock.ts";
export { type DurableRead, keepAside, readDurably, syncFolder, writeFileDurably } from "./durable-file.ts";
export { createLog, errorText, type Log, type LogFields, type LogLevel } from "./log.ts";
export { KeyedQueue, type KeyedQueueOptions } from "./keyed-queue.ts";
export { sendRequest } from "./send-request.ts";
export { EX_CONFIG, runUntilSignalled, UserError } from "./process.ts";
