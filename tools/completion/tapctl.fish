# fish completion of tapctl, tapswitchd and tapswitch-lab. The words are the programs' own.

# Prints its arguments, a candidate each; ":files:" stands for names of files.
function __tapswitch_offer
    if test "$argv[1]" = ':files:'
        set -l word (commandline --current-token --cut-at-cursor)
        set -l kept (string match --regex '^.*=' -- $word)
        for file in (__fish_complete_path (string replace --regex '^.*=' '' -- $word))
            echo "$kept$file"
        end
        return
    end
    test (count $argv) = 0; or printf '%s\n' $argv
end

function __tapctl_complete
    set -l words (commandline --tokenize --current-process --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor)
    __tapswitch_offer (tapctl __complete $words[2..] "$word" 2>/dev/null)
end

function __tapswitch_lab_complete
    set -l words (commandline --tokenize --current-process --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor)
    __tapswitch_offer (tapswitch-lab __complete $words[2..] "$word" 2>/dev/null)
end

function __tapswitchd_complete
    set -l word (commandline --current-token --cut-at-cursor)
    if string match --quiet -- '-*' $word; and not string match --quiet -- '*=*' $word
        tapswitchd --help 2>/dev/null | string match --regex --groups-only '^ *(--[a-z_]*=)'
    else
        __tapswitch_offer (tapctl __complete_daemon "$word" 2>/dev/null)
    end
end

complete --command tapctl --no-files --arguments '(__tapctl_complete)'
complete --command tapswitchd --no-files --arguments '(__tapswitchd_complete)'
complete --command tapswitch-lab --no-files --arguments '(__tapswitch_lab_complete)'
