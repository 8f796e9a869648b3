# SPDX-License-Identifier: Apache-2.0
# fish completion for cbsfs(1).  What it offers after -o comes from `cbsfs --help`, so it knows what that cbsfs knows.

set -g __cbsfs_regions ap-bangkok ap-beijing ap-chengdu ap-chongqing ap-guangzhou ap-hongkong ap-jakarta ap-nanjing ap-seoul \
    ap-shanghai ap-shanghai-fsi ap-shenzhen-fsi ap-singapore ap-tokyo eu-frankfurt na-ashburn na-siliconvalley sa-saopaulo

function __cbsfs_profiles
    set -l directory $TENCENTCLOUD_SHARED_CREDENTIALS_DIR
    set -q directory[1]; or set directory $HOME/.tccli
    for file in $directory/*.credential
        basename $file .credential
    end
    set -l file $TENCENTCLOUD_CREDENTIALS_FILE
    set -q file[1]; or set file $HOME/.tencentcloud/credentials
    sed -n 's/^\[\(.*\)\]$/\1/p' $file 2>/dev/null
    set file $OS_CLIENT_CONFIG_FILE
    set -q file[1]; or set file $HOME/.config/openstack/clouds.yaml
    sed -n '/^clouds:/,/^[^ #]/s/^  \([A-Za-z0-9._+-]*\):.*/\1/p' $file 2>/dev/null
end

function __cbsfs_sources
    printf '%s\n' $__cbsfs_regions
    for profile in (__cbsfs_profiles)
        printf '%s\n' $profile@$__cbsfs_regions
    end
end

function __cbsfs_values
    switch $argv[1]
        case provider
            printf '%s\n' tencent qcloud openstack evs
        case rollback
            printf '%s\n' on confirm off
        case region
            printf '%s\n' $__cbsfs_regions
        case profile
            __cbsfs_profiles
    end
end

# Each line is a whole list: what was typed before the last comma, and one more option.
function __cbsfs_options
    set -l typed (commandline -ct)
    set -l before (string match -r '^.*,' -- $typed)
    set -l last (string replace -r '^.*,' '' -- $typed)
    set -l name (string match -r '^[a-z_]+(?==)' -- $last)
    if set -q name[1]
        for value in (__cbsfs_values $name)
            printf '%s\n' "$before$name=$value"
        end
        return
    end
    set -l program (commandline -opc)[1]
    for line in (eval $program --help 2>/dev/null | sed -n 's/^    -o \([a-z_]*=\{0,1\}\)[^ ]*  *\(.*\)/\1\t\2/p')
        printf '%s%s\n' "$before" $line
    end
    for option in allow_other allow_root default_permissions noexec nodev nosuid fsname=
        printf '%s%s\tof FUSE\n' "$before" $option
    end
end

# How many words that are no switches stand before the cursor.
function __cbsfs_places
    set -l words (commandline -opc)
    set -l count 0
    set -l skip 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
        else if test $word = -o
            set skip 1
        else if not string match -q -- '-*' $word
            set count (math $count + 1)
        end
    end
    test $count = $argv[1]
end

complete -c cbsfs -f
complete -c cbsfs -l demo -d 'mount a simulated account'
complete -c cbsfs -l check -d 'try credentials, clock, region and permissions'
complete -c cbsfs -l clean -d 'remove a dead mount'
complete -c cbsfs -s h -l help -d 'show a summary'
complete -c cbsfs -s V -l version -d 'show the version'
complete -c cbsfs -s f -d 'stay in the foreground'
complete -c cbsfs -s d -d 'show what the kernel asks'
complete -c cbsfs -s o -x -a '(__cbsfs_options)' -d options
complete -c cbsfs -n '__cbsfs_places 0; and not __fish_seen_argument -l demo -l clean' -a '(__cbsfs_sources)' -d source
complete -c cbsfs -n '__cbsfs_places 0; and not __fish_seen_argument -l check' -a '(__fish_complete_directories)'
complete -c cbsfs -n '__cbsfs_places 1; and not __fish_seen_argument -l demo -l clean' -a '(__fish_complete_directories)'
