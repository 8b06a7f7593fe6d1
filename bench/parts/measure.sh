# One measurement: one row with one client, in a process of its own. Sourced by ../run.
# shellcheck shell=bash

# target_of ROW: sets `target`, the options that tell a client where to connect to
target_of() {
    case $1 in
        sink/*) target=(--broker "$sink" --counter "$sink_counter") ;;
        mosq/*) target=(--broker "$mosq" --counter "$mosq_counter" --feeder "$mosq_feeder") ;;
        clients/*/mosq/*) target=(--broker "$many" --restart "$many_restart") ;;
        tls/* | clients/*/tls/*)
            target=(--broker "$tls" --restart "$tls_restart" --ca "$authority" --user "$user" --password "$password")
            ;;
    esac
}

# Where an outbox lies: on the disk of build/, since the folder for temporary files may be in memory.
outbox=$out/outbox

# What a heap holds is only seen from outside when the JVM gives back what it has freed.
small_heap=(-Xms16m -XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=20)

# program_of CLIENT ROW: sets `program`
program_of() {
    local java=(java ${java_flags[@]+"${java_flags[@]}"})
    [[ $2 != clients/* ]] || java+=("${small_heap[@]}")
    # shellcheck disable=SC2206
    java+=(${JVM_ARGS:-})
    case $1 in
        sinetstream-rust@*) program=("$rust_other" --client "${1%@*}" --label "$1") ;;
        sinetstream@*) program=("${java[@]}" -cp "$java_other" Bench --client "${1%@*}" --label "$1") ;;
        raw) program=("$tools" raw) ;;
        sinetstream-rust | rumqttc) program=("$rust" --client "$1") ;;
        libmosquitto | paho.mqtt.c) program=("$rust_c" --client "$1") ;;
        *) program=("${java[@]}" -cp "$java_classes" Bench --client "$1") ;;
    esac
}

# A process needs more files than its connections.
other_files=200

# measure ROW CLIENT: adds a line to the results; 1 when there is none to add
measure() {
    local row=$1 client=$2 target program files time=$limit
    files=$(($(clients_of "$row") + other_files))
    if [ "$(ulimit -n)" != unlimited ] && [ "$(ulimit -n)" -lt "$files" ]; then
        failed "$row" "$client" "the limit of open files, $(ulimit -n) (ulimit -Hn), is below $files"
        return 1
    fi
    target_of "$row"
    program_of "$client" "$row"
    if [[ $row == */outbox-* ]]; then
        rm -rf "$outbox" && mkdir "$outbox" || return 1 # no measurement has another's messages
        target+=(--directory "$outbox")
    fi
    # Its steps have limits of their own; this is for all of them.
    [[ $row != clients/* ]] || time=$((limit + 900))
    if run "$time" "${program[@]}" --row "$row" --warm "$warm" --seconds "$seconds" "${target[@]}" \
        >"$work/result" 2>"$work/result.err" && [ "$(wc -l <"$work/result")" -eq 1 ]; then
        cat "$work/result" >>"$results"
        case $row in
            clients/*) printf 'open in %s s\n' "$(sed 's/.*"open_s":\([0-9]*\.[0-9]\).*/\1/' "$work/result")" ;;
            *) printf '%s messages/s\n' "$(sed 's/.*"per_second":\([0-9]*\).*/\1/' "$work/result")" ;;
        esac
    else
        failed "$row" "$client" "$(tail -n 1 "$work/result.err")"
    fi
    sed 's/^/        /' "$work/result.err" >&2
    ! tail -n 1 "$results" | grep -q '"failed":true'
}

failed() { # failed ROW CLIENT WHY
    local why
    why=$(printf '%s' "$3" | tr -d '\\"' | tr -d '[:cntrl:]')
    printf '{"row":"%s","client":"%s","failed":true,"why":"%s"}\n' "$1" "$2" "$why" >>"$results"
    printf 'FAILED: %s\n' "${why:-no result}"
}
