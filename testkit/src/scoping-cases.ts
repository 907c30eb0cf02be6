// What the user of device dev-a, and a person of each role, may not say or hear, whoever made that
// user: a static file, or a service that mints users. Each case was seen to work in a single
// account, or would reach another device or another person.

const getB = "$JS.API.DIRECT.GET.KV_desired-state.$KV.desired-state.dev-b";

export const REFUSED_SUBJECTS: readonly (readonly [what: string, subject: string])[] = [
  ["another's manifest", getB],
  ["another's Score", `${getB}.secret`],
  ["another's manifest, by our own name", "iot.manifest.dev-b"],
  ["another's Score, by our own name", "iot.score.dev-b.secret"],
  ["a write of another's status, by our own name", "iot.status.dev-b"],
  ["a write of another's inventory, by our own name", "iot.inventory.dev-b"],
  ["another's inventory, by our own name", "iot.inventory-read.dev-b"],
  ["another's inventory, by a direct get", "$JS.API.DIRECT.GET.KV_inventory.$KV.inventory.dev-b"],
  ["a notice to another, by our own name", "iot.notice.dev-b"],
  ["a line in another's history", "iot.history.dev-b"],
  ["a line in another's audit", "iot.audit.dev-b"],
  ["the history of devices", "iot.read.device-history"],
  ["the history of devices, by the server's name", "$JS.API.DIRECT.GET.device-history"],
  ["the audit of devices", "iot.read.device-audit"],
  ["the statuses of devices", "iot.read.KV_status"],
  ["information about the history", "$JS.API.STREAM.INFO.device-history"],
  ["a purge of the history", "$JS.API.STREAM.PURGE.device-history"],
  ["everybody's manifest", "iot.manifest.*"],
  ["a question to another device", "iot.command.dev-b.ping"],
  ["a question to itself, with rights of its own choice", "iot.command.dev-a.exec"],
  ["a word into another's session", `iot.session.dev-b.${"0".repeat(32)}.in`],
  ["an answer to what it was not asked", "_R_.abcdef.ghijkl"],
  ["an answer to a person", "_INBOX_alice-maintainer.x"],
  ["a direct get by sequence or of many", "$JS.API.DIRECT.GET.KV_desired-state"],
  ["another's status, by a direct get", "$JS.API.DIRECT.GET.KV_status.$KV.status.dev-b"],
  ["its own status back", "$JS.API.DIRECT.GET.KV_status.$KV.status.dev-a"],
  ["a get through the stream", "$JS.API.STREAM.MSG.GET.KV_desired-state"],
  ["information about the stream", "$JS.API.STREAM.INFO.KV_desired-state"],
  ["the names of streams", "$JS.API.STREAM.NAMES"],
  ["a purge", "$JS.API.STREAM.PURGE.KV_status"],
  ["removal of the stream", "$JS.API.STREAM.DELETE.KV_status"],
  ["a consumer", "$JS.API.CONSUMER.CREATE.KV_desired-state"],
  ["a consumer of a name", "$JS.API.CONSUMER.CREATE.KV_desired-state.mine.$KV.desired-state.dev-a"],
  ["the names of consumers", "$JS.API.CONSUMER.NAMES.KV_desired-state"],
  ["a write of another's status", "$KV.status.dev-b"],
  ["a write of another's inventory", "$KV.inventory.dev-b"],
  ["a write of its own manifest", "$KV.desired-state.dev-a"],
  ["a write of its own Score", "$KV.desired-state.dev-a.hello"],
  ["a notice to another", "notify.desired-state.dev-b"],
  ["a message to another's inbox", "_INBOX_dev-b.x"],
  ["the record of a source", "$JS.API.DIRECT.GET.KV_sources.$KV.sources.0123456789.removals"],
  ["a write of the record of a source", "$KV.sources.0123456789.removals"],
  ["a word to operators", "iot.operator.confirm"],
  ["a line in the audit", "audit.operator.0123456789"],
];

export const REFUSED_SUBSCRIPTIONS: readonly (readonly [what: string, subject: string])[] = [
  ["another's notices", "notify.desired-state.dev-b"],
  ["everybody's notices", "notify.desired-state.*"],
  ["another's notices, by our own name", "iot.notice.dev-b"],
  ["everybody's notices, by our own name", "iot.notice.*"],
  ["questions and words of another", "iot.*.dev-b"],
  ["another's statuses", "iot.status.dev-b"],
  ["another's replies", "_INBOX_dev-b.>"],
  ["all replies", "_INBOX.>"],
  ["writes of desired state", "$KV.desired-state.>"],
  ["the records of sources", "$KV.sources.>"],
  ["words to operators", "iot.operator.>"],
  ["the audit", "audit.>"],
  ["what others say once", "iot.history.dev-b"],
  ["what people did on others", "iot.audit.>"],
  ["questions to another", "iot.command.dev-b.*"],
  ["questions to everybody", "iot.command.>"],
  ["another's sessions", "iot.session.dev-b.*.in"],
  ["all sessions", "iot.session.>"],
  ["answers on their way", "_R_.>"],
  ["everything", ">"],
];

/** The verbs that each role has no right to. */
export const REFUSED_VERBS: Readonly<Record<"viewer" | "support" | "maintainer" | "admin", readonly string[]>> = {
  viewer: ["logs", "sessions", "exec", "forward", "end", "retry", "switch", "hold", "release", "refresh", "anything"],
  support: ["exec", "forward", "end", "retry", "switch", "hold", "release", "refresh", "anything"],
  maintainer: ["anything"],
  admin: ["anything"],
};

/** What each role may not say to the operators. */
export const REFUSED_OPERATOR_VERBS: Readonly<Record<"viewer" | "support" | "maintainer" | "admin", readonly string[]>> = {
  viewer: ["confirm", "keep", "adopt", "forget", "anything"],
  support: ["confirm", "keep", "adopt", "forget", "anything"],
  maintainer: ["confirm", "keep", "adopt", "forget", "anything"],
  admin: ["anything"],
};

/** Of each role: the streams that it does not read. */
export const REFUSED_READS: Readonly<Record<"viewer" | "support" | "maintainer" | "admin", readonly string[]>> = {
  viewer: ["iot.read.device-audit"],
  support: ["iot.read.device-audit"],
  maintainer: [],
  admin: [],
};

export const REFUSED_SUBJECTS_OF_PEOPLE: readonly (readonly [what: string, subject: string])[] = [
  ...REFUSED_SUBJECTS.filter(([, subject]) => !/^iot\.(command|session|read|operator)\./.test(subject)),
  ["a line in the history", "iot.history.dev-a"],
  ["a line in the audit of a device", "iot.audit.dev-a"],
  ["a bucket", "iot.read.KV_status"],
  ["a question without a device", "iot.command.ping"],
  ["a notice to a device", "iot.notice.dev-a"],
  ["a status of a device", "iot.status.dev-a"],
  ["a person's answer", "_INBOX_alice-support.x"],
  ["the grants", "iot.read.grants"],
  ["how the desired state lies", "iot.info.desired-state"],
  ["a stream by its own name", "$JS.API.STREAM.INFO.KV_status"],
];

/** `user`: whoever listens. */
export function refusedSubscriptionsOfPeople(user: string): readonly (readonly [what: string, subject: string])[] {
  const others = ["alice-viewer", "alice-support", "alice-maintainer", "alice-admin"].filter((other) => other !== user);
  return [
    ...REFUSED_SUBSCRIPTIONS,
    ...others.map((other) => [`answers to ${other}`, `_INBOX_${other}.>`] as const),
    ["questions to a device", "iot.command.dev-a.*"],
    ["what is sent into sessions", "iot.session.dev-a.*.in"],
  ];
}
