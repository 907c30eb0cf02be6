#!/usr/bin/env bash
# Sets up an OpenBao for a fleet: the login of devices by the tokens of their issuer, that of the
# callout and the enrolment service, the folder `iot` of secrets, and the policies of each. Said
# again, it changes what differs and nothing else.
#
#   BAO_ADDR=https://bao.example:8200 bao login        as who may do that, or set BAO_TOKEN
#   iot/deploy/openbao/setup.sh --issuer https://enrol.example:8443 --credentials identities
#
# It needs `bao`, and an issuer that answers, since OpenBao reads its keys at once.

set -euo pipefail

usage() {
  cat <<'USAGE'
setup.sh --issuer URL [--issuer-ca FILE] [--project ID] [--organisation ID] [--organisation-domain NAME] [--credentials FOLDER]
  --issuer       where the tokens of devices come from: IOT_ENROLMENT_URL, or the address of Zitadel
  --issuer-ca    PEM of the authority that signed its certificate
  --project      the audience of a token: iot for the enrolment service's own issuer, the id of Zitadel's project otherwise
  --organisation, --organisation-domain
                 whose roles count: standalone for the enrolment service's own issuer, the id and the domain of Zitadel's otherwise
  --credentials  makes callout.json and enrolment.json there, where they are not: by them the two programs log in to OpenBao
USAGE
}

issuer='' issuer_ca='' project=iot organisation=standalone organisation_domain='' credentials=''
while (($# > 0)); do
  case "$1" in
    --issuer) issuer=$2 ;;
    --issuer-ca) issuer_ca=$(<"$2") ;;
    --project) project=$2 ;;
    --organisation) organisation=$2 ;;
    --organisation-domain) organisation_domain=$2 ;;
    --credentials) credentials=$2 ;;
    --help|-h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done
[[ -n "$issuer" ]] || { usage >&2; exit 2; }
: "${organisation_domain:=$organisation}"

# Everything of ours has this name, so that an OpenBao with other users keeps theirs.
auths=$(bao auth list) mounts=$(bao secrets list)
grep -q '^iot/ ' <<<"$auths" || bao auth enable -path=iot -description="devices of the fleet, by the tokens of their issuer" jwt
grep -q '^iot-services/ ' <<<"$auths" ||
  bao auth enable -path=iot-services -description="the callout and the enrolment service of the fleet" approle
grep -q '^iot/ ' <<<"$mounts" || bao secrets enable -path=iot -version=2 -description="grants, the way to NATS and secrets of devices" kv

bao write auth/iot/config oidc_discovery_url="$issuer" bound_issuer="$issuer" oidc_discovery_ca_pem="$issuer_ca"

# The name of an alias is the token's subject, the id of the device; its group is a label that was
# given with the approval.
alias="identity.entity.aliases.$(bao read -field=accessor sys/auth/iot)"
bao policy write iot-device - <<POLICY
path "iot/data/devices/{{$alias.name}}/*" { capabilities = ["read"] }
path "iot/data/groups/{{$alias.metadata.group}}/*" { capabilities = ["read"] }
POLICY
bao policy write iot-callout - <<'POLICY'
path "iot/data/grants/*" { capabilities = ["read"] }
POLICY
bao policy write iot-enrolment - <<'POLICY'
path "iot/data/grants/*" { capabilities = ["create", "read", "update"] }
path "iot/data/devices/+/nats" { capabilities = ["create", "read", "update"] }
POLICY
# For people: it is given to nobody here.
bao policy write iot-secrets - <<'POLICY'
path "iot/data/devices/+/secrets/*" { capabilities = ["create", "read", "update", "delete"] }
path "iot/data/groups/+/secrets/*" { capabilities = ["create", "read", "update", "delete"] }
path "iot/metadata/devices/*" { capabilities = ["list", "read"] }
path "iot/metadata/groups/*" { capabilities = ["list", "read"] }
POLICY

# A batch token is written nowhere, and lasts while the issuer is away. That of the role counts, and
# not the audience, which whoever asks gets.
bao write auth/iot/role/device - <<ROLE
{
  "role_type": "jwt",
  "user_claim": "sub",
  "bound_audiences": ["$project"],
  "bound_claims": { "/urn:zitadel:iam:org:project:$project:roles/device/$organisation": "$organisation_domain" },
  "claim_mappings": { "iot_group": "group" },
  "token_policies": ["iot-device"],
  "token_no_default_policy": true,
  "token_type": "batch",
  "token_ttl": "5m",
  "token_max_ttl": "5m",
  "clock_skew_leeway": 30,
  "expiration_leeway": -1,
  "not_before_leeway": -1
}
ROLE

for service in callout enrolment; do
  bao write "auth/iot-services/role/$service" - <<ROLE
{ "token_policies": ["iot-$service"], "token_no_default_policy": true, "token_type": "batch", "token_ttl": "5m", "token_max_ttl": "5m" }
ROLE
  file="$credentials/$service.json"
  if [[ -n "$credentials" && ! -e "$file" ]]; then
    (
      umask 077
      mkdir -p "$credentials"
      role_id=$(bao read -field=role_id "auth/iot-services/role/$service/role-id")
      secret_id=$(bao write -f -field=secret_id "auth/iot-services/role/$service/secret-id")
      printf '{"role_id":"%s","secret_id":"%s"}\n' "$role_id" "$secret_id" >"$file"
    )
    echo "made $file"
  fi
done
