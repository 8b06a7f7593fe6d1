# What there is to measure. Sourced by ../run.
# shellcheck shell=bash

all_clients='raw sinetstream sinetstream-rust rumqttc libmosquitto paho.mqtt.c hivemq paho'
# Those that need nothing but Cargo and Gradle.
short_clients='raw sinetstream sinetstream-rust rumqttc hivemq paho'

# What `make bench` measures by default.
short_rows=(
    sink/write/q0/100/w100
    sink/write/q1/100/w100
    sink/write/q1/65536/w100
    sink/read/q0/100
    sink/read/q1/100
    sink/blocking-write/q1/100
    sink/outbox-write/disk/q1/100/w1000
    sink/outbox-write/broker/q1/100/w1000
    sink/outbox-blocking-write/disk/q1/100
    mosq/write/q0/100/w100
    mosq/write/q1/100/w1000
    mosq/read/q1/100
    mosq/blocking-write/q1/100
    mosq/blocking-write/q1/100/t8
    tls/write/q1/100/w100
)

all_rows=()
for broker in sink mosq; do
    for qos in q0 q1; do
        all_rows+=("$broker/write/$qos/"{100/w100,100/w1000,1024/w100,65536/w100})
        all_rows+=("$broker/read/$qos/100" "$broker/blocking-read/$qos/100")
    done
    all_rows+=("$broker/blocking-write/q1/100" "$broker/blocking-write/q1/100/t8")
done
for broker in sink mosq; do
    for accept in disk broker; do
        all_rows+=("$broker/outbox-write/$accept/q1/"{100/w1000,1024/w1000,65536/w100})
        all_rows+=("$broker/outbox-blocking-write/$accept/q1/100"{,/t8})
        all_rows+=("$broker/outbox-write/$accept-unsynced/q1/100/w1000")
    done
done
all_rows+=(tls/write/q1/100/w100 tls/blocking-write/q1/100)
all_rows+=(clients/{1000,10000}/mosq/q1/100 clients/1000/tls/q1/100)

# select_rows WORD...: sets `rows`. A word is `short`, `all`, a pattern over all rows, or a row of your own.
select_rows() {
    local word row found
    rows=()
    for word in "$@"; do
        found=
        case $word in
            short) rows+=("${short_rows[@]}") && continue ;;
            all) word='*' ;;
        esac
        for row in "${all_rows[@]}"; do
            # shellcheck disable=SC2053
            if [[ $row == $word ]]; then
                rows+=("$row")
                found=yes
            fi
        done
        if [ -z "$found" ]; then
            is_row "$word" || give_up "$word is no row, and no row is like it"
            rows+=("$word")
        fi
    done
    [ "${#rows[@]}" -gt 0 ] || give_up 'no row is asked for'
}

# Writes of QoS 0 need a counting subscriber and reads a feeder, which are not there for TLS; the sink's flood and the
# feeder are of QoS 0 and 1.
is_row() {
    local size='[1-9][0-9]*'
    [[ $1 =~ ^(sink|mosq)/(write/q[0-2]/$size/w$size|blocking-write/q[0-2]/$size(/t$size)?|(blocking-)?read/q[01]/$size)$ ||
        $1 =~ ^(sink|mosq)/outbox-(write/(disk|broker)(-unsynced)?/q1/$size/w$size|blocking-write/(disk|broker)(-unsynced)?/q1/$size(/t$size)?)$ ||
        $1 =~ ^tls/(write/q[12]/$size/w$size|blocking-write/q[12]/$size(/t$size)?)$ ||
        $1 =~ ^clients/([1-9][0-9]*[02468]|[2468])/(mosq|tls)/q[0-2]/$size$ ]]
}

# select_clients CLIENT...: sets `clients`. A word is `short`, `all` or a client.
select_clients() {
    local word client
    clients=()
    for word in "$@"; do
        # shellcheck disable=SC2206
        case $word in
            short) clients+=($short_clients) && continue ;;
            all) clients+=($all_clients) && continue ;;
        esac
        clients+=("$word")
    done
    [ "${#clients[@]}" -gt 0 ] || give_up 'no client is asked for'
    for client in "${clients[@]}"; do
        case " $all_clients " in
            *" $client "*) ;;
            *) give_up "$client is no client; these are: $all_clients" ;;
        esac
    done
}

# clients_of ROW: how many it has in one process
clients_of() {
    local count=1
    [[ $1 != clients/* ]] || { count=${1#clients/} && count=${count%%/*}; }
    echo "$count"
}

# can CLIENT ROW: the bare bytes know neither TLS nor QoS 2, Paho has no blocking reader, and rumqttc and the libraries for C
# have no call that waits for a confirmation or for a message. Of the others that keep messages in files Paho for Java syncs
# each and the one for C none, and neither tells when a message is on disk. Many clients are a matter for those that share their threads.
can() {
    case $1:$2 in
        sinetstream:clients/* | sinetstream-rust:clients/* | hivemq:clients/* | rumqttc:clients/*) ;;
        *:clients/*) return 1 ;;
        sinetstream:*/outbox-* | sinetstream-rust:*/outbox-* | paho:*/outbox-*/broker/* | paho.mqtt.c:*/outbox-write/broker-unsynced/*) ;;
        *:*/outbox-*) return 1 ;;
        raw:tls/* | raw:*/q2/* | paho:*/blocking-read/*) return 1 ;;
        rumqttc:*/blocking-* | libmosquitto:*/blocking-* | paho.mqtt.c:*/blocking-*) return 1 ;;
    esac
}
