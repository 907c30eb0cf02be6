// Makes the configuration of nats-server that is shipped: two accounts, the subjects that cross
// between them, and the users of devices. src/permissions.ts decides who may say what.

import {
  asDeviceId,
  AUDIT_OF_IDENTITIES,
  devicePermissions,
  deviceSubjectsOfBuckets,
  type Permissions,
  personPermissions,
  type Role,
  ROLES,
  servicesOfPeople,
  sharedPermissions,
  type SubjectMapping,
  subjectsOfPeople,
  toldSubjects,
} from "../src/index.ts";

const MADE = "# Made from iot/contracts (src/permissions.ts, scripts/nats-configuration.ts) by `npm run generate`.\n";
const OPERATOR_SUBJECT = "iot.operator.*";
const EXAMPLE = asDeviceId("pi-demo-01");

export function natsConfiguration(): Record<string, string> {
  return {
    "nats.conf": MADE + accounts(),
    "nats-identities.conf": MADE + identities(),
    "devices.conf": MADE + oneUserADevice(),
    "devices-shared.conf": MADE + oneUserForAll(),
    "people.conf": MADE + oneUserAPerson(),
  };
}

function accounts(): string {
  return `#
# NATS for the platform: three accounts, so that no device and nobody who asks a device reaches JetStream itself.
#
#   CONTROL  JetStream with the buckets desired-state, status, inventory and sources, and the stream audit; the operator.
#   DEVICES  no JetStream: what a device may do crosses over by the exports below, and one user a device (devices.conf)
#            may use only its own part of each. Devices use names of our own, iot.…, which also cross leaf nodes.
#   PEOPLE   no JetStream: who may look at the fleet (iot status, …) and ask a device (iot ping, logs, exec, …), and what, by
#            one user a person (people.conf). It begins without users: until the line below includes them, iot status needs
#            the operator's user, and nobody asks a device anything.
#
# Started as  NATS_OPERATOR_PASSWORD=… nats-server --config nats.conf
# A password that looks like a number must be quoted in the variable ('"1234"'); a bcrypt hash (\`nats server passwd\`) works too.
# After a change of devices.conf or people.conf:  nats-server --signal reload  (nobody is disconnected but users that are gone or changed)

listen: "0.0.0.0:4222"

jetstream {
  store_dir: "/data"
  # Every acknowledged write is on the disk. Without it a power cut of the server loses up to two minutes of them.
  sync_interval: always
}

accounts {
${controlAndDevices("    include ./devices.conf    # or ./devices-shared.conf\n")}${people("    # include ./people.conf\n")}}
`;
}

/** Devices have no users of their own here: the callout makes one for each connection. */
function identities(): string {
  return `#
# NATS where each device has an identity of its own: as nats.conf, and two accounts more.
#
#   AUTH  JetStream with the buckets grants and enrolments. The callout answers here who a device is; the enrolment service
#         writes here whom it approved. Nobody else is in it.
#   SYS   the enrolment service ends the connections of a device that was disabled, and may do nothing else.
#
# The four passwords and the public halves of the callout's keys (iot-callout keys FILE prints them) come from the environment:
#   NATS_OPERATOR_PASSWORD NATS_CALLOUT_PASSWORD NATS_ENROLMENT_PASSWORD NATS_KICK_PASSWORD NATS_CALLOUT_ISSUER NATS_CALLOUT_XKEY
# What stands in authorization changes with a restart only: a reload is refused.
# A person who may ask devices is a user of PEOPLE, as in people.conf, and is named in auth_users, too.

listen: "0.0.0.0:4222"

jetstream {
  store_dir: "/data"
  # Every acknowledged write is on the disk. Without it a power cut of the server loses up to two minutes of them.
  sync_interval: always
}

# A callout that hangs is asked until its connection is dropped.
ping_interval: "20s"
ping_max: 2

system_account: SYS

authorization {
  # 30 s, because a login that the server gave up is asked again while its answer is still made.
  timeout: 30
  auth_callout {
    issuer: $NATS_CALLOUT_ISSUER
    xkey: $NATS_CALLOUT_XKEY
    account: AUTH
    auth_users: [ operator, callout, enrolment, kick ]
  }
}

accounts {
${controlAndDevices("", [`{ service: "${AUDIT_OF_IDENTITIES}", accounts: [AUTH] }`])}${people("")}  AUTH {
    jetstream: enabled
    # What people did with identities stands in the one stream of the operator's account. Nobody deletes there.
    imports: [ { service: { account: CONTROL, subject: "${AUDIT_OF_IDENTITIES}" } } ]
    users: [
      { user: callout, password: $NATS_CALLOUT_PASSWORD, permissions: { publish: { deny: ["${AUDIT_OF_IDENTITIES}"] } } }
      # It does not hear what devices show when they log in.
      { user: enrolment, password: $NATS_ENROLMENT_PASSWORD, permissions: { subscribe: { deny: ["$SYS.>"] } } }
    ]
  }
  SYS {
    users: [
      {
        user: kick
        password: $NATS_KICK_PASSWORD
        permissions: {
          publish: { allow: ["$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.SERVER.*.KICK"] }
          subscribe: { allow: ["_INBOX.>"] }
        }
      }
    ]
  }
}
`;
}

function controlAndDevices(devices: string, moreExports: readonly string[] = []): string {
  const mappings = deviceSubjectsOfBuckets();
  const told = toldSubjects();
  return `  CONTROL {
    jetstream: enabled
    users: [ { user: operator, password: $NATS_OPERATOR_PASSWORD } ]
    exports: [
${lines([...mappings.map(widened), ...told.map(once)], ({ kind, bucket }) => `{ ${kind}: "${bucket}", accounts: [DEVICES] }`)}
      # "Stream": a reading has as many answers as it asks for.
${[...exportsToPeople(), ...moreExports].map((line) => `      ${line}`).join("\n")}
    ]
  }
  DEVICES {
    exports: [
      # "Stream": a question has any number of answers, and ends when who asked listens no more.
      { service: "${subjectsOfPeople().command}", accounts: [PEOPLE], response_type: Stream }
    ]
    imports: [
${lines(mappings, (mapping) => imported(mapping, `, to: "${mapping.own}"`))}
${lines(told.map(once), (mapping) => imported(mapping, ""))}
      # The buckets' own names, which agents of 0.1 use: for one release.
${lines(mappings.map(widened), (mapping) => imported(mapping, ""))}
      { stream: { account: PEOPLE, subject: "${subjectsOfPeople().sessionInput}" } }
    ]
${devices}  }
`;
}

/** Every operator answers a question, and a batch of entries is many answers. */
function exportsToPeople(): readonly string[] {
  return [
    `{ service: "${OPERATOR_SUBJECT}", accounts: [PEOPLE], response_type: Stream }`,
    ...servicesOfPeople().map(
      ({ control, isStream }) => `{ service: "${control}", accounts: [PEOPLE]${isStream ? ", response_type: Stream" : ""} }`,
    ),
  ];
}

function people(users: string): string {
  const { command, sessionInput } = subjectsOfPeople();
  return `  PEOPLE {
    exports: [ { stream: "${sessionInput}", accounts: [DEVICES] } ]
    imports: [
      # share: the server says to the device, and to the operator, who asks.
      { service: { account: DEVICES, subject: "${command}" }, share: true }
      { service: { account: CONTROL, subject: "${OPERATOR_SUBJECT}" }, share: true }
${servicesOfPeople()
  .map(({ control, own }) => `      { service: { account: CONTROL, subject: "${control}" }, to: "${own}" }`)
  .join("\n")}
    ]
${users}  }
`;
}

/**
 * The server imports a stream's subject once; the same under two names is two subjects, one within
 * the other.
 */
function widened(mapping: SubjectMapping): SubjectMapping {
  return mapping.kind === "stream" ? { ...mapping, bucket: mapping.bucket.replace(/\*$/, ">") } : mapping;
}

function once(subject: string): SubjectMapping {
  return { kind: "service", bucket: subject, own: subject };
}

function imported({ kind, bucket }: SubjectMapping, to: string): string {
  return `{ ${kind}: { account: CONTROL, subject: "${bucket}" }${to} }`;
}

function lines(mappings: readonly SubjectMapping[], line: (mapping: SubjectMapping) => string): string {
  return mappings.map((mapping) => `      ${line(mapping)}`).join("\n");
}

function oneUserADevice(): string {
  const places = JSON.stringify(devicePermissions(EXAMPLE)).split(EXAMPLE).length;
  return `#
# The users of the DEVICES account, one a device. To add a device, copy the block, write its device id in all ${places} places,
# give it a password of its own, and have the server read it: nats-server --signal reload

users: [
  {
    user: ${EXAMPLE}
    password: "change-me"
    permissions: ${permissions(devicePermissions(EXAMPLE))}
  }
]
`;
}

function oneUserForAll(): string {
  return `#
# One credential for all devices, for the first steps: use devices.conf when devices leave the house. Whoever has it can
#   - read what every device should run, with all that stands in a Score;
#   - write the status and the inventory of every device, over what the device itself wrote;
#   - hear every reply to every device, and have answers of the server sent there. A device believes only the answer to its
#     own question, but a "there is none" or an acknowledgement names no device: it can be made to wait, or to repeat itself.
#   - hear what people ask every device, and answer in its place. A device with this credential runs no command in a container
#     for anybody (SharedCredential).
# It cannot write what a device should run, nor reach the buckets themselves.
#
# In nats.conf: include ./devices-shared.conf

users: [
  {
    user: iot-agent
    password: $NATS_AGENT_PASSWORD
    permissions: ${permissions(sharedPermissions())}
  }
]
`;
}

function oneUserAPerson(): string {
  const about: Readonly<Record<Role, string>> = {
    viewer: "looks: the fleet (iot status, explain, audit), is a device there, what does its agent stand on",
    support: "reads logs, too",
    maintainer: "runs commands in containers, where the device permits it; tries again, holds and releases a deployment",
    admin: "lets go what the operators hold (iot confirm, keep, adopt, forget), too",
  };
  const users = ROLES.map((role) => {
    const user = `alice-${role}`;
    return `  # ${role}: ${about[role]}
  {
    user: ${user}
    password: "change-me"
    permissions: ${permissions(personPermissions(user, role))}
  }`;
  });
  return `#
# The users of the PEOPLE account, one a person, so that a device's log says who asked. To add a person, copy the block of the role,
# write the name in both places, give it a password of its own, and have the server read it: nats-server --signal reload
# Instead of "*" stands the id of a device where a person may ask that one alone.
# The device has the last word: [remote] in its config.toml.

users: [
${users.join("\n")}
]
`;
}

/** A session is one question and any number of answers, for hours. */
const ANSWERS = '      allow_responses: { max: -1, expires: "-1s" }\n';

function permissions({ publish, subscribe, answers }: Permissions): string {
  const allow = (verb: string, subjects: readonly string[]): string =>
    `      ${verb}: { allow: [\n${subjects.map((subject) => `        "${subject}"`).join("\n")}\n      ] }\n`;
  return `{\n${allow("publish", publish)}${subscribe === null ? "" : allow("subscribe", subscribe)}${answers ? ANSWERS : ""}    }`;
}
