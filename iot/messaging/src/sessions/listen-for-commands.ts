// A device's ear for what people ask it, and the only part of sessions that an idle device has: two
// subscriptions. A command counts only with a reply and with the server's own word on who asks, and
// that he is of the account of people: another device can have the answer to a question of its own
// delivered here, but it has neither (docs/adr/0052). What does not count is dropped and counted.

import type { Log } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { commandSubject, COMMAND_LIMIT_BYTES, type DeviceId, PEOPLE_ACCOUNT, RequestInfo, sessionInputSubject } from "@iot/contracts";
import type { Msg, Subscription } from "@nats-io/nats-core";
import type { Messaging } from "../connection/connect.ts";

export interface Command {
  /** As it was asked; there may be none of this name. */
  readonly verb: string;
  readonly data: Uint8Array;
  /** Null: this server does not say who asks. */
  readonly by: { readonly user: string; readonly host: string } | null;
  readonly respond: (frame: Uint8Array) => void;
}

export interface CommandsHeard {
  readonly onCommand: (command: Command) => void;
  readonly onInput: (session: string, frame: Uint8Array) => void;
  readonly log: Log;
}

export interface CommandListener {
  /** What was dropped, since it cannot be of a person. */
  dropped(): number;
  close(): void;
}

export function listenForCommands(messaging: Messaging, device: DeviceId, heard: CommandsHeard): CommandListener {
  const { onCommand, onInput, log } = heard;
  const commands = commandSubject(device, "*");
  const inputs = sessionInputSubject(device, "*");
  let dropped = 0;
  const drop = (message: Msg): void => {
    dropped += 1;
    if (dropped === 1)
      log.warn("dropped a question that no person asked: another user of this NATS sends here", { subject: message.subject });
  };
  const command = (message: Msg): void => {
    const { reply, data, headers } = message;
    if (reply === undefined || reply === "" || data.length > COMMAND_LIMIT_BYTES) return drop(message);
    const text = headers?.get("Nats-Request-Info") ?? "";
    const info = text === "" ? null : parseJson(RequestInfo, text);
    if (info !== null && (!info.ok || info.value.acc !== PEOPLE_ACCOUNT)) return drop(message);
    const by = info === null ? null : { user: info.value.user ?? "", host: info.value.host ?? "" };
    const verb = message.subject.split(".").at(-1) ?? "";
    onCommand({ verb, data, by, respond: (frame) => messaging.connection.publish(reply, frame) });
  };
  const input = (message: Msg): void => onInput(message.subject.split(".").at(-2) ?? "", message.data);

  for (const subject of [commands, inputs]) messaging.mayBeRefused(subject);
  let isRefusalLogged = false;
  const subscribe = (subject: string, hear: (message: Msg) => void): Subscription =>
    messaging.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) return hear(message);
        if (isRefusalLogged) return;
        isRefusalLogged = true;
        log.info("this NATS does not let people ask this device: its configuration is of an earlier version", { subject });
      },
    });
  const open = (): Subscription[] => [subscribe(commands, command), subscribe(inputs, input)];
  let subscriptions = open();
  // One that was refused is not taken up again by itself.
  const endReconnects = messaging.onReconnect(() => {
    if (!subscriptions.some((each) => each.isClosed())) return;
    for (const each of subscriptions) each.unsubscribe();
    subscriptions = open();
  });
  return {
    dropped: () => dropped,
    close: () => {
      endReconnects();
      for (const each of subscriptions) each.unsubscribe();
    },
  };
}
