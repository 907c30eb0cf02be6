// The credentials that are shown to NATS: a port that is asked at each dial, so that a password
// that was changed, a token that ends and a key in a chip need no other way in (docs/adr/0029). The
// client of NATS cannot wait for an answer at its own dials, so it dials only when the port has
// answered.

import { abortable } from "@harmony/runtime";
import type { Authenticator } from "@nats-io/nats-core";

/** It is good for one dial. */
export interface Credential {
  /** For sentences; undefined: none is shown. */
  readonly user: string | undefined;
  /** For the sentence; absent: it is a user and a password. */
  readonly kind?: "token";
  /** Is given the nonce of the server, if that sends one, and may sign it. */
  readonly authenticator: Authenticator;
}

export interface CredentialSource {
  /**
   * Called at each dial; may take its time. The message of its error says what is wrong and, after
   * a semicolon, what would fix it.
   */
  current(signal: AbortSignal): Promise<Credential>;
  /**
   * Calls back when a new connection should be made with a new credential. Returns what ends that.
   */
  onChange?(callback: () => void): () => void;
}

export class CredentialsUnavailable extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "CredentialsUnavailable";
  }
}

export interface UserAndPassword {
  readonly user: string | undefined;
  readonly pass: string | undefined;
}

export function asCredential({ user, pass }: UserAndPassword): Credential {
  return { user, authenticator: () => (user === undefined ? undefined : { user, ...(pass === undefined ? {} : { pass }) }) };
}

export function fixedCredentials(fixed: UserAndPassword): CredentialSource {
  return { current: () => Promise.resolve(asCredential(fixed)) };
}

/** The dials of one connection share it. */
export class DialCredentials {
  readonly #source: CredentialSource;
  /** It stays while another one is asked for: a dial of the client may be under way. */
  #latest: Credential | null = null;
  #isReady = false;
  #asked = 0;

  constructor(source: CredentialSource | undefined) {
    this.#source = source ?? fixedCredentials({ user: undefined, pass: undefined });
  }

  /** For sentences. */
  shown(): { readonly user: string | undefined; readonly isToken: boolean } {
    return { user: this.#latest?.user, isToken: this.#latest?.kind === "token" };
  }

  /** For the client. */
  readonly authenticator: Authenticator = (nonce) => this.#latest?.authenticator(nonce);

  /** false: one is being asked for, or cannot be had, so that no dial begins. */
  isReady(): boolean {
    return this.#isReady;
  }

  /** Call it before a dial. @throws CredentialsUnavailable, or the signal's reason. */
  async ask(signal: AbortSignal): Promise<void> {
    this.#isReady = false;
    const asked = (this.#asked += 1);
    try {
      const credential = await abortable(this.#source.current(signal), signal);
      if (asked !== this.#asked) return;
      this.#latest = credential;
      this.#isReady = true;
    } catch (error) {
      signal.throwIfAborted();
      throw new CredentialsUnavailable(error);
    }
  }

  onChange(callback: () => void): () => void {
    return this.#source.onChange?.(callback) ?? ((): void => undefined);
  }
}
