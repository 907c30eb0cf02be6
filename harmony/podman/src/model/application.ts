// What the application that uses this package is called: on containers, in their environment, and
// in the sentences for a person at the device. All of it is handed in, since this package knows no
// application.

import type { ScoreWords } from "../score/score-words.ts";

export interface Application extends ScoreWords {
  /** Before the keys of labels, e.g. `org.example`. Another prefix orphans what runs. */
  readonly labelPrefix: string;
  /**
   * The program of the device, and its systemd unit. Its commands `podman`, `load`, `retry`,
   * `release` and `doctor` are named to people.
   */
  readonly program: string;
  /** The user of the device whose Podman it is. */
  readonly user: string;
}

export interface Labels {
  readonly deployment: string;
  readonly service: string;
  readonly revision: string;
  /** The whole Score string. Two are the same Score if and only if they are equal as strings. */
  readonly score: string;
  /** What of the device it was made with (inputs.ts); not there: nothing. */
  readonly inputs: string;
}

/** Keys of the labels by which an agent that has lost its memory knows what runs. */
export function labelsOf({ labelPrefix }: Pick<Application, "labelPrefix">): Labels {
  return {
    deployment: `${labelPrefix}.deployment`,
    service: `${labelPrefix}.service`,
    revision: `${labelPrefix}.revision`,
    score: `${labelPrefix}.score`,
    inputs: `${labelPrefix}.inputs`,
  };
}
