// The names by which a device asks and reports on the present connection: our own, or the buckets'
// where the server does not map ours (docs/adr/0028). The first question of a connection is asked
// by our name. When nobody answers it, or it is not permitted, it is asked once more by the
// bucket's name. The names that were answered are kept until a question is not answered or the
// connection is lost, so a device whose hub is away does not keep to names that never cross a leaf
// node.

import { bucketSubjects, type DeviceId, type DeviceSubjects, ownSubjects } from "@iot/contracts";
import type { Messaging } from "../connection/connect.ts";
import { MessagingError } from "../connection/messaging-error.ts";

type Question = "manifest" | "score" | "status" | "inventory";

export class DeviceNames {
  readonly #messaging: Messaging;
  readonly #own: DeviceSubjects;
  readonly #bucket: DeviceSubjects;
  readonly #onMoved = new Set<() => void>();
  readonly #onAnsweredAgain = new Set<() => void>();
  /** What nobody answered when it was asked last. */
  readonly #unanswered = new Set<Question>();
  #last: DeviceSubjects;
  /** The connection on which `#last` was answered; null: it is not answered any more. */
  #answeredOn: AbortSignal | null = null;
  #isLogged = false;

  constructor(messaging: Messaging, device: DeviceId) {
    this.#messaging = messaging;
    this.#own = ownSubjects(device);
    this.#bucket = bucketSubjects(device);
    this.#last = this.#own;
    const { manifest, status, inventory, notice } = this.#own;
    const reads = [this.#own.inventoryRead, this.#bucket.inventoryRead];
    for (const subject of [manifest, status, inventory, notice, ...reads]) messaging.mayBeRefused(subject);
  }

  /** Those that were answered last; our own before any was. */
  get subjects(): DeviceSubjects {
    return this.#last;
  }

  /** Called when the names are others than before. Returns what ends that. */
  onMoved(callback: () => void): () => void {
    this.#onMoved.add(callback);
    return () => this.#onMoved.delete(callback);
  }

  /**
   * Called when a question is answered again that was not, on the same connection, as behind a leaf
   * node: a notice may have been missed. Returns what ends that.
   */
  onAnsweredAgain(callback: () => void): () => void {
    this.#onAnsweredAgain.add(callback);
    return () => this.#onAnsweredAgain.delete(callback);
  }

  /**
   * Calls `ask` once more, with other names, when nobody received the question. @throws as it does.
   */
  async ask<Answer>(question: Question, ask: (subjects: DeviceSubjects) => Promise<Answer>): Promise<Answer> {
    const connection = this.#messaging.lost();
    const by = async (subjects: DeviceSubjects): Promise<Answer> => {
      const answer = await ask(subjects);
      this.#found(question, subjects, connection);
      return answer;
    };
    try {
      return await (this.#answeredOn === connection ? by(this.#last) : this.#byEither(by));
    } catch (error) {
      if (error instanceof MessagingError && (error.code === "NoStore" || error.code === "Timeout")) {
        this.#answeredOn = null;
        this.#unanswered.add(question);
      }
      throw error;
    }
  }

  async #byEither<Answer>(by: (subjects: DeviceSubjects) => Promise<Answer>): Promise<Answer> {
    let unheard: MessagingError;
    try {
      return await by(this.#own);
    } catch (error) {
      if (!isUnheard(error)) throw error;
      unheard = error;
    }
    try {
      return await by(this.#bucket);
    } catch (error) {
      // Only our names are permitted here, so no permission is missing.
      const isOnlyOurs = unheard.code === "NoStore" && error instanceof MessagingError && error.code === "PermissionDenied";
      throw isOnlyOurs ? unheard : error;
    }
  }

  #found(question: Question, subjects: DeviceSubjects, connection: AbortSignal): void {
    const isMoved = subjects !== this.#last;
    this.#last = subjects;
    this.#answeredOn = connection;
    if (subjects === this.#bucket) this.#logBucket();
    if (isMoved) for (const callback of this.#onMoved) callback();
    // Whoever reads the manifest knows that it can be read.
    if (!this.#unanswered.delete(question) || question === "manifest") return;
    for (const callback of this.#onAnsweredAgain) callback();
  }

  #logBucket(): void {
    if (this.#isLogged) return;
    this.#isLogged = true;
    const { manifest: subject } = this.#own;
    this.#messaging.log.info("this NATS does not know our own names: those of its buckets are used, which do not cross a leaf node", {
      subject,
    });
  }
}

function isUnheard(error: unknown): error is MessagingError {
  return error instanceof MessagingError && (error.code === "NoStore" || error.code === "PermissionDenied");
}

const known = new WeakMap<Messaging, Map<DeviceId, DeviceNames>>();

/** What reads for a device and what writes for it share what was found. */
export function deviceNames(messaging: Messaging, device: DeviceId): DeviceNames {
  const byDevice = known.get(messaging) ?? new Map<DeviceId, DeviceNames>();
  known.set(messaging, byDevice);
  const names = byDevice.get(device) ?? new DeviceNames(messaging, device);
  byDevice.set(device, names);
  return names;
}
