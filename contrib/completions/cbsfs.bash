# SPDX-License-Identifier: Apache-2.0
# bash completion for cbsfs(1).  What it offers after -o comes from `cbsfs --help`, so it knows what that cbsfs knows.
# shellcheck shell=bash

_cbsfs_regions="ap-bangkok ap-beijing ap-chengdu ap-chongqing ap-guangzhou ap-hongkong ap-jakarta ap-nanjing ap-seoul
    ap-shanghai ap-shanghai-fsi ap-shenzhen-fsi ap-singapore ap-tokyo eu-frankfurt na-ashburn na-siliconvalley sa-saopaulo"

# The names of credentials that are there: of tccli, of the SDKs, of OpenStack.  Only such as cbsfs takes: compgen -W runs
# what a name has in $( ).
_cbsfs_profiles() {
    _cbsfs_names | grep -E '^[A-Za-z0-9_+-][A-Za-z0-9._+-]*$'
}

_cbsfs_names() {
    local file
    for file in "${TENCENTCLOUD_SHARED_CREDENTIALS_DIR:-$HOME/.tccli}"/*.credential; do
        [ -e "$file" ] && basename "$file" .credential
    done
    sed -n 's/^\[\(.*\)\]$/\1/p' "${TENCENTCLOUD_CREDENTIALS_FILE:-$HOME/.tencentcloud/credentials}" 2>/dev/null
    sed -n '/^clouds:/,/^[^ #]/s/^  \([A-Za-z0-9._+-]*\):.*/\1/p' \
        "${OS_CLIENT_CONFIG_FILE:-$HOME/.config/openstack/clouds.yaml}" 2>/dev/null
}

# Options as --help has them: `ttl=`, `lazy`; then FUSE's that make sense.
_cbsfs_options() {
    "$1" --help 2>/dev/null | sed -n 's/^    -o \([a-z_]*=\{0,1\}\).*/\1/p'
    printf '%s\n' allow_other allow_root default_permissions noexec nodev nosuid fsname=
}

_cbsfs_values() {
    case $1 in
    provider) echo "tencent qcloud openstack evs" ;;
    rollback) echo "on confirm off" ;;
    region) echo "$_cbsfs_regions" ;;
    profile) _cbsfs_profiles ;;
    umask) echo "022 027 077" ;;
    uid) echo "$UID" ;;
    gid) id -g ;;
    esac
}

_cbsfs_sources() {
    local profile region
    echo "$_cbsfs_regions"
    for profile in $(_cbsfs_profiles); do
        for region in $_cbsfs_regions; do
            echo "$profile@$region"
        done
    done
}

# One option of a list: what was typed before its last comma stays.
_cbsfs_complete_option() {
    local done="" last=$2 name
    case $last in
    *,*)
        done=${last%,*},
        last=${last##*,}
        ;;
    esac
    case $last in
    config=*)
        mapfile -t COMPREPLY < <(compgen -P "${done}config=" -f -- "${last#config=}")
        ;;
    *=*)
        name=${last%%=*}
        mapfile -t COMPREPLY < <(compgen -P "$done$name=" -W "$(_cbsfs_values "$name")" -- "${last#*=}")
        ;;
    *)
        mapfile -t COMPREPLY < <(compgen -P "$done" -W "$(_cbsfs_options "$1")" -- "$last")
        compopt -o nospace
        ;;
    esac
}

_cbsfs() {
    local previous_word="" program=${COMP_WORDS[0]} line=${COMP_LINE:0:COMP_POINT} word words=() places=0 current previous kind=mount
    COMPREPLY=()
    program=${program/#\~/$HOME}
    # Not COMP_WORDS, which readline has taken apart at `=`, `:` and `@`.
    read -r -a words <<<"$line"
    case $line in
    *[[:space:]]) words+=("") ;;
    esac
    current=${words[-1]}
    previous=${words[-2]:-}
    for word in "${words[@]:1:${#words[@]}-2}"; do
        case $word in
        --demo | --check | --clean) kind=${word#--} ;;
        -*) ;;
        *) [ "$previous_word" = -o ] || places=$((places + 1)) ;;
        esac
        previous_word=$word
    done
    if [ "$previous" = -o ]; then
        _cbsfs_complete_option "$program" "$current"
    else
        case $current in
        -*) mapfile -t COMPREPLY < <(compgen -W "--demo --check --clean --help --version -f -d -h -V -o" -- "$current") ;;
        *)
            if [ "$places" -eq 0 ] && [[ $kind == mount || $kind == check ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_cbsfs_sources)" -- "$current")
            fi
            case $kind$places in
            mount0 | demo0 | clean0 | mount1 | check1)
                compopt -o filenames
                mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current")
                ;;
            esac
            ;;
        esac
    fi
    # Readline replaces only what follows the last of its word breaks.
    local kept=$current letter
    for ((letter = ${#kept} - 1; letter >= 0; letter--)); do
        if [[ ${kept:letter:1} == [=:@] && $COMP_WORDBREAKS == *"${kept:letter:1}"* ]]; then
            COMPREPLY=("${COMPREPLY[@]#"${kept:0:letter+1}"}")
            break
        fi
    done
}

complete -F _cbsfs cbsfs
