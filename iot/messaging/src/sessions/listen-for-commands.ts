// A device's ear for what people ask it, and the only part of sessions that an idle device has: two
// subscriptions. A command counts only with a reply and with the server's own word on who asks, and
// that he is of the account of people: another device can have the answer to a question of its own
// delivered here, but it has neither (docs/adr/0052). What does not count is dropped and counted,
// and when more of it arrives than anybody sends by mistake, the ear is closed for a while.

import type { StoreReason } from "../stores/reasons.ts";
import type { Log } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { COMMAND_LIMIT_BYTES, commandSubject, type DeviceId, PEOPLE_ACCOUNT, RequestInfo, sessionInputSubject } from "@iot/contracts";
import type { Msg, Subscription } from "@nats-io/nats-core";
import type { Messaging } from "../connection/connect.ts";
import { FloodGate } from "../connection/flood-gate.ts";

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
  /** Returns whether there is such a session. */
  readonly onInput: (session: string, frame: Uint8Array) => boolean;
  readonly log: Log;
}

export interface CommandListener {
  /** What was dropped, since it cannot be of a person. */
  dropped(): number;
  close(): void;
}

export function listenForCommands(messaging: Messaging, device: DeviceId, heard: CommandsHeard): CommandListener {
  return new Ear(messaging, device, heard);
}

class Ear implements CommandListener {
  readonly #messaging: Messaging;
  readonly #heard: CommandsHeard;
  readonly #subjects: { readonly command: string; readonly input: string };
  readonly #gate = new FloodGate();
  readonly #endReconnects: () => void;
  #subscriptions: readonly Subscription[] = [];
  #closed: NodeJS.Timeout | undefined;
  #dropped = 0;
  #isRefusalLogged = false;

  constructor(messaging: Messaging, device: DeviceId, heard: CommandsHeard) {
    this.#messaging = messaging;
    this.#heard = heard;
    this.#subjects = { command: commandSubject(device, "*"), input: sessionInputSubject(device, "*") };
    for (const subject of Object.values(this.#subjects)) messaging.mayBeRefused(subject);
    this.#open();
    // One that was refused is not taken up again by itself.
    this.#endReconnects = messaging.onReconnect(() => {
      if (this.#subscriptions.some((each) => each.isClosed())) this.#open();
    });
  }

  dropped(): number {
    return this.#dropped;
  }

  close(): void {
    clearTimeout(this.#closed);
    this.#endReconnects();
    this.#end();
  }

  #open(): void {
    this.#end();
    const { command, input } = this.#subjects;
    this.#subscriptions = [
      this.#subscribe(command, (message) => this.#command(message)),
      this.#subscribe(input, (message) => this.#input(message)),
    ];
  }

  #end(): void {
    for (const each of this.#subscriptions) each.unsubscribe();
    this.#subscriptions = [];
  }

  #subscribe(subject: string, hear: (message: Msg) => void): Subscription {
    return this.#messaging.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) return hear(message);
        if (this.#isRefusalLogged) return;
        this.#isRefusalLogged = true;
        this.#heard.log.info("this NATS does not let people ask this device: its configuration is of an earlier version", { subject });
      },
    });
  }

  #command(message: Msg): void {
    const { subject, reply, data, headers } = message;
    if (reply === undefined || reply === "" || data.length > COMMAND_LIMIT_BYTES) return this.#drop(message);
    const text = headers?.get("Nats-Request-Info") ?? "";
    const info = text === "" ? null : parseJson(RequestInfo, text);
    if (info !== null && (!info.ok || info.value.acc !== PEOPLE_ACCOUNT)) return this.#drop(message);
    const by = info === null ? null : { user: info.value.user ?? "", host: info.value.host ?? "" };
    const respond = (frame: Uint8Array): void => this.#messaging.connection.publish(reply, frame);
    this.#heard.onCommand({ verb: subject.split(".").at(-1) ?? "", data, by, respond });
  }

  #input(message: Msg): void {
    if (!this.#heard.onInput(message.subject.split(".").at(-2) ?? "", message.data)) this.#drop(message);
  }

  #drop(message: Msg): void {
    const { log } = this.#heard;
    this.#dropped += 1;
    if (this.#dropped === 1) log.debug("dropped what no person asked or sent", { subject: message.subject });
    if (!this.#gate.isFlood(message)) return;
    const closedForMs = this.#gate.closeMs();
    log.warn("more arrives in the place of questions than people ask, so nobody is listened to for a while: somebody sends it", {
      reason: "CommandFlood" satisfies StoreReason,
      subject: message.subject,
      seconds: closedForMs / 1_000,
    });
    this.#end();
    this.#closed = setTimeout(() => {
      this.#gate.opened();
      this.#open();
    }, closedForMs);
  }
}
