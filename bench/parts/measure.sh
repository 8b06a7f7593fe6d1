# One measurement: one row with one client, in a process of its own. Sourced by ../run.
# shellcheck shell=bash

# target_of ROW: sets `target`, the options that tell a client where to connect to
target_of() {
    case $1 in
        sink/*) target=(--broker "$sink" --counter "$sink_counter") ;;
        mosq/*) target=(--broker "$mosq" --counter "$mosq_counter" --feeder "$mosq_feeder") ;;
        tls/*) target=(--broker "$tls" --ca "$authority" --user "$user" --password "$password") ;;
    esac
}

# program_of CLIENT: sets `program`
program_of() {
    # shellcheck disable=SC2206
    case $1 in
        raw) program=("$tools" raw) ;;
        sinetstream-rust | rumqttc) program=("$rust" --client "$1") ;;
        libmosquitto | paho.mqtt.c) program=("$rust_c" --client "$1") ;;
        *) program=(java "${java_flags[@]}" ${JVM_ARGS:-} -cp "$java_classes" Bench --client "$1") ;;
    esac
}

# measure ROW CLIENT: adds a line to the results; 1 when there is none to add
measure() {
    local row=$1 client=$2 target program
    target_of "$row"
    program_of "$client"
    if run "$limit" "${program[@]}" --row "$row" --warm "$warm" --seconds "$seconds" "${target[@]}" \
        >"$work/result" 2>"$work/result.err" && [ "$(wc -l <"$work/result")" -eq 1 ]; then
        cat "$work/result" >>"$results"
        printf '%s messages/s\n' "$(sed 's/.*"per_second":\([0-9]*\).*/\1/' "$work/result")"
    else
        printf '{"row":"%s","client":"%s","failed":true}\n' "$row" "$client" >>"$results"
        echo FAILED
    fi
    sed 's/^/        /' "$work/result.err" >&2
    ! tail -n 1 "$results" | grep -q '"failed":true'
}
