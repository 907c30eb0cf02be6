// How a command ends, for whoever calls it from a script; the same as iot-agent's. 0 is success,
// and 130 means that a person ended it with ^C.

export const EXIT = {
  /** What was asked for is not so, or was refused. */
  failed: 1,
  usage: 2,
  /** NATS, an operator or a host is not reached. */
  notReached: 3,
  notPermitted: 4,
  interrupted: 130,
} as const;
