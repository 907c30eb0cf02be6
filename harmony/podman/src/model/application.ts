// The names of the application that uses this package: on containers, in their environment, and in
// the sentences for a person at the device. The application hands all of them in, since this
// package knows no application.

import type { ScoreWords } from "../score/score-words.ts";

export interface Application extends ScoreWords {
  /** The prefix of label keys, e.g. `org.example`. Another prefix orphans running containers. */
  readonly labelPrefix: string;
  /**
   * The program of the device, and its systemd unit. Sentences name its commands `podman`, `load`,
   * `retry`, `release`, `switch` and `doctor`.
   */
  readonly program: string;
  /** The user of the device who owns the Podman. */
  readonly user: string;
}

export interface Labels {
  readonly deployment: string;
  readonly service: string;
  readonly revision: string;
  /** The whole Score string. Two are the same Score if and only if they are equal as strings. */
  readonly score: string;
  /** The parts of the device that it was made with (inputs.ts); absent: none. */
  readonly inputs: string;
  /** The volumes that hold what its image declares as VOLUME, by name; absent: none. */
  readonly imageVolumes: string;
}

/** The keys of the labels by which an agent that has lost its memory knows what runs. */
export function labelsOf({ labelPrefix }: Pick<Application, "labelPrefix">): Labels {
  return {
    deployment: `${labelPrefix}.deployment`,
    service: `${labelPrefix}.service`,
    revision: `${labelPrefix}.revision`,
    score: `${labelPrefix}.score`,
    inputs: `${labelPrefix}.inputs`,
    imageVolumes: `${labelPrefix}.image-volumes`,
  };
}
