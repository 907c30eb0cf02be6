#!/usr/bin/env bash
# Makes what NATS, the callout and the enrolment service need to serve a fleet whose devices have
# identities of their own: keys, passwords, an authority with a server's certificate, and a file of
# settings for each. Secrets that are there are kept. Run again it makes what is missing, such as a
# certificate that was removed because it ends.
set -euo pipefail
umask 077
# shellcheck source=build/bootstrap.sh
source "$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/bootstrap.sh"

show_help() {
  cat <<'HELP'
Usage: make-identities.sh --host NAME [--folder FOLDER]

  --host NAME      the name or address by which devices reach this machine
  --folder FOLDER  where the files go: ./identities

Then, on this machine, each as a service of its own:
  nats-server --config FOLDER/nats.conf
  node --env-file=FOLDER/callout.env iot/iot-callout/src/main.ts
  node --env-file=FOLDER/enrolment.env iot/iot-enrolment/src/main.ts --standalone
  node --env-file=FOLDER/operator.env iot/iot-operator/src/main.ts
and a first person:
  node --env-file=FOLDER/enrolment.env iot/iot-enrolment/src/main.ts person add NAME --role admin

In a cluster, `kubectl apply -k FOLDER` makes the Secrets, and iot/deploy/README.md says what comes after.
HELP
}

HOST=""
FOLDER=./identities
while [[ $# -gt 0 ]]; do
  case "$1" in
    --host) HOST="${2-}"; shift 2 ;;
    --folder) FOLDER="${2-}"; shift 2 ;;
    --help) show_help; exit 0 ;;
    *) show_help >&2; exit 2 ;;
  esac
done
[[ "$HOST" =~ ^[A-Za-z0-9.-]+$ && -n "$FOLDER" ]] || { echo "make-identities.sh: --host takes a name or an address, such as central.example" >&2; exit 2; }
command -v openssl >/dev/null || { echo "make-identities.sh: openssl is missing: install the package openssl, then run this again" >&2; exit 1; }

mkdir -p "$FOLDER"
FOLDER="$(cd "$FOLDER" && pwd)"
cd "$FOLDER"

make_certificate() {
  local name="DNS:$HOST" in_cluster="DNS:nats.iot-system,DNS:iot-enrolment.iot-system" request=(req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1)
  [[ ! "$HOST" =~ ^[0-9.]+$ ]] || name="IP:$HOST"
  [[ -e ca-key.pem ]] || openssl "${request[@]}" -days 3650 -subj "/CN=authority of $HOST" -keyout ca-key.pem -out ca.pem 2>/dev/null
  [[ -e cert.pem ]] || openssl "${request[@]}" -days 800 -subj "/CN=$HOST" -addext "subjectAltName=$name,$in_cluster,IP:127.0.0.1" \
    -addext basicConstraints=critical,CA:FALSE -CA ca.pem -CAkey ca-key.pem -keyout key.pem -out cert.pem 2>/dev/null
}

# The first word of a password is a letter: nats-server would read digits alone as a number.
password() { [[ -e "password-$1" ]] || printf 'p%s\n' "$(openssl rand -hex 24)" >"password-$1"; }

make_certificate
chmod 644 ca.pem
[[ -e callout-keys.json ]] || node "$REPOSITORY/iot/iot-callout/src/main.ts" keys "$FOLDER/callout-keys.json" >callout-public-keys
for user in operator callout enrolment kick; do password "$user"; done

# shellcheck source=/dev/null
source ./callout-public-keys
sed -e "s|\$NATS_OPERATOR_PASSWORD|\"$(cat password-operator)\"|" -e "s|\$NATS_CALLOUT_PASSWORD|\"$(cat password-callout)\"|" \
  -e "s|\$NATS_ENROLMENT_PASSWORD|\"$(cat password-enrolment)\"|" -e "s|\$NATS_KICK_PASSWORD|\"$(cat password-kick)\"|" \
  -e "s|\$NATS_CALLOUT_ISSUER|$NATS_CALLOUT_ISSUER|" -e "s|\$NATS_CALLOUT_XKEY|$NATS_CALLOUT_XKEY|" \
  -e "/^#/d" -e "s|store_dir: .*|store_dir: \"$FOLDER/data\"|" "$REPOSITORY/iot/deploy/nats/nats-identities.conf" >nats.conf
printf '\ntls { cert_file: "%s", key_file: "%s" }\n' "$FOLDER/cert.pem" "$FOLDER/key.pem" >>nats.conf

settings() { printf 'NATS_URL=tls://%s:4222\nNATS_CA=%s\nNATS_USER=%s\nNATS_PASSWORD_FILE=%s\n' "$HOST" "$FOLDER/ca.pem" "$1" "$FOLDER/password-$1"; }
{ settings operator; } >operator.env
{ settings callout; echo "IOT_CALLOUT_KEYS=$FOLDER/callout-keys.json"; } >callout.env
{
  settings enrolment
  cat <<ENV
NATS_KICK_PASSWORD_FILE=$FOLDER/password-kick
IOT_ENROLMENT_URL=https://$HOST:8443
IOT_ENROLMENT_LISTEN=0.0.0.0:8443
IOT_ENROLMENT_CERT=$FOLDER/cert.pem
IOT_ENROLMENT_CERT_KEY=$FOLDER/key.pem
IOT_ENROLMENT_STATE=$FOLDER
IOT_DEVICE_NATS_URL=tls://$HOST:4222
IOT_DEVICE_NATS_CA=$FOLDER/ca.pem
ENV
} >enrolment.env
{
  for user in operator callout enrolment kick; do printf 'NATS_%s_PASSWORD=%s\n' "${user^^}" "$(cat "password-$user")"; done
  cat callout-public-keys
} >nats.env
cat >kustomization.yaml <<YAML
# The Secrets and the settings of iot/deploy/identities: kubectl apply -k $FOLDER
namespace: iot-system
generatorOptions: { disableNameSuffixHash: true }
secretGenerator:
  - { name: nats, envs: [nats.env] }
  - { name: nats-tls, type: kubernetes.io/tls, files: [tls.crt=cert.pem, tls.key=key.pem] }
  - { name: iot-callout, files: [keys.json=callout-keys.json, password=password-callout] }
  - { name: iot-enrolment, files: [password=password-enrolment, kick-password=password-kick] }
  - name: iot-operator-nats
    literals: ["url=tls://nats.iot-system:4222", user=operator, ca-file=/etc/iot-nats/ca.pem, "password=$(cat password-operator)"]
    files: [ca.pem]
configMapGenerator:
  - { name: iot-ca, files: [ca.pem] }
  - { name: iot-enrolment, literals: ["url=https://$HOST:30443", "device-nats-url=tls://$HOST:30422"] }
YAML
printf 'IOT_ENROLMENT_URL=https://%s:8443\nIOT_ENROLMENT_CA=%s\n' "$HOST" "$FOLDER/ca.pem" >iot.env
echo "$FOLDER has what the services need; --help says how each is started. Keep ca-key.pem away from this machine."
