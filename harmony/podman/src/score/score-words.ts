// The application's own words that a Score meets.

export interface ScoreWords {
  /**
   * The prefix of the variables that every container is given: `EXAMPLE` gives it
   * EXAMPLE_DEVICE_ID.
   */
  readonly environmentPrefix: string;
  /** The folder in which a person puts the secrets of a device, one a file. */
  readonly secretsFolder: string;
  /** The folder in a container where its program says that it is at work (`busy`). */
  readonly busyFolder: string;
}

/** While this file exists in a container whose service has `busy`, its program is at work. */
export function busyFile({ busyFolder }: Pick<ScoreWords, "busyFolder">): string {
  return `${busyFolder}/busy`;
}

/** The variables that every container is given, and no Score may set. */
export function ownVariables(
  { environmentPrefix }: Pick<ScoreWords, "environmentPrefix">,
  { deviceId, deployment, service }: { readonly deviceId: string; readonly deployment: string; readonly service: string },
): Readonly<Record<string, string>> {
  return {
    [`${environmentPrefix}_DEVICE_ID`]: deviceId,
    [`${environmentPrefix}_DEPLOYMENT`]: deployment,
    [`${environmentPrefix}_SERVICE`]: service,
  };
}
