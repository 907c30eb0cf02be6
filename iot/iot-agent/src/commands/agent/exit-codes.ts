// How a command ends, for whoever calls it from a script. 0 is success.

export const EXIT = {
  /** What was asked for is not so, or was refused. */
  failed: 1,
  usage: 2,
  notRunning: 3,
  notPermitted: 4,
} as const;
