#!/bin/sh
# take-over FOLDER USER [MODE] makes root the owner of a folder of configuration, for the group of USER
# to read, even if USER has owned it until now and may have planted links in it. The folder itself
# comes first: from then on nobody but root can put, rename or remove a name in it, so that an entry
# that was looked at stays what it is. An entry that is no plain file or folder of root's or USER's (a
# link, a second name of a file that lies elsewhere, a pipe, a socket) is moved, as it is, to
# FOLDER.refused.XXXXXX, which is for root alone. A file of USER's is copied: a process that has the
# old one open for writing could still write into it. A second run changes nothing.

set -eu
umask 077
top=$1
user=$2
mode=${3:-0750}
largest=1048576
refused=''
count=0
# An installer may run before this user exists.
group=$(id -gn "$user" 2>/dev/null || echo root)
uid=$(id -u "$user" 2>/dev/null || echo 0)

die() { echo "cannot take over $top: $*" >&2; exit 1; }

refuse() {
  [ -n "$refused" ] || refused=$(mktemp -d "$top.refused.XXXXXX")
  count=$((count + 1))
  mv -T -- "$1" "$refused/$count.${1##*/}"
  echo "$1 is $2: it is not used, and kept as $refused/$count.${1##*/}" >&2
}

take_file() {
  file=$1
  # The owner, the number of links and the size have no blank in them.
  # shellcheck disable=SC2046
  set -- $(stat --format='%u %h %s' -- "$file")
  if [ "$2" -gt 1 ]; then refuse "$file" "a file with another name elsewhere (hard link)"
  elif [ "$1" = 0 ]; then chmod go-w -- "$file"
  elif [ "$1" != "$uid" ]; then refuse "$file" "of the user with the id $1"
  elif [ "$3" -gt "$largest" ]; then refuse "$file" "larger than $largest bytes"
  else
    fresh=$(mktemp "$file.XXXXXX")
    head -c "$largest" <"$file" >"$fresh"
    touch -r "$file" -- "$fresh"
    chown "root:$group" -- "$fresh"
    chmod 0640 -- "$fresh"
    sync "$fresh"
    mv -T -- "$fresh" "$file"
  fi
}

# take FOLDER DEPTH takes over a folder that lies in one of root's.
take() {
  if [ "$(stat --format=%u -- "$1")" != 0 ] || [ -n "$(find "$1" -maxdepth 0 -perm /022)" ] || [ "$1" = "$top" ]; then
    chown -h "root:$group" -- "$1"
    chmod "$mode" -- "$1"
  fi
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -L "$entry" ]; then refuse "$entry" "a link"
    elif [ -f "$entry" ]; then take_file "$entry"
    elif [ -d "$entry" ] && [ "$2" -lt 3 ]; then take "$entry" $(($2 + 1))
    elif [ -e "$entry" ]; then refuse "$entry" "no plain file"
    fi
  done
}

above=$top
while [ "$above" != / ]; do
  above=$(dirname "$above")
  [ -z "$(find "$above" -maxdepth 0 \( -not -user 0 -o -perm /022 \))" ] || die "others than root may write in $above"
done
[ ! -L "$top" ] || die "it is a link"
[ -e "$top" ] || mkdir "$top"
[ -d "$top" ] || die "it is no folder"
take "$top" 0
