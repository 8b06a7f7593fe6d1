# Programs in the background, so that a signal to this script is heard at once, and nothing outlives it. Sourced by ../run.
# shellcheck shell=bash

work=$(mktemp -d) || exit 1 # for what only this run needs
job=
services=()

stop() {
    local each
    [ -z "$job" ] || kill -- "-$job" 2>/dev/null
    for each in $job "${services[@]}"; do
        kill "$each" 2>/dev/null
        wait "$each" 2>/dev/null
    done
    # Those that ../parts/restart has started are no children of this script.
    for each in "$work"/*.pid; do
        [ ! -s "$each" ] || kill "$(cat "$each")" 2>/dev/null
    done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

give_up() { # give_up WHY [FILE]: the file is shown
    printf '%s\n' "$1" >&2
    [ -z "${2:-}" ] || sed 's/^/    /' "$2" >&2
    exit 1
}

# run SECONDS COMMAND...: with a limit of time. `timeout` gives it a process group of its own, for `stop`.
run() {
    timeout --kill-after=5 "$@" &
    job=$!
    wait "$job"
    local status=$?
    job=
    return "$status"
}

# serve LOG COMMAND...: starts what runs until the end; `service` is its process.
serve() {
    local log=$1
    shift
    "$@" >"$log" 2>"$log.err" &
    service=$!
    services+=("$service")
}

# within SECONDS COMMAND...: repeats it until it succeeds
within() {
    local end=$((SECONDS + $1))
    until "${@:2}"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}
