# What the clients talk to, all on 127.0.0.1 and on ports that are free. Sourced by ../run.
# shellcheck shell=bash

user=bench
password=bench-$RANDOM$RANDOM

# start_tool NAME ARGUMENT...: when it is ready it tells its addresses, on one line
start_tool() {
    local name=$1
    serve "$work/$name" "$tools" "${@:2}"
    within 20 test -s "$work/$name" || give_up "$name did not start:" "$work/$name.err"
    read -r -a addresses <"$work/$name"
}

# start_mosquitto NAME: configuration from standard input, without the listener; sets `port`
start_mosquitto() {
    local name=$work/$1 attempt
    cat >"$name.common"
    # Else it would become another user, who may not read the files.
    [ "$(id -u)" -ne 0 ] || echo 'user root' >>"$name.common"
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        { echo "listener $port 127.0.0.1" && cat "$name.common"; } >"$name.conf"
        rm -f "$name.pid"
        ! bench/parts/restart "$name" "$port" || return 0
    done
    give_up "Mosquitto did not start ($attempt attempts):" "$name.log"
}

start_sink() {
    start_tool sink sink
    sink=${addresses[0]} sink_counter=${addresses[1]}
}

start_mosq() {
    # Else it would drop what a fast writer sends; and 1000 is what the clients have under way.
    start_mosquitto mosq <<'END'
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 1000
END
    mosq=127.0.0.1:$port
    start_tool counter count --broker "$mosq"
    mosq_counter=${addresses[0]}
    start_tool feeder feed --broker "$mosq"
    mosq_feeder=${addresses[0]}
}

# Of its own, since the rows with many clients restart it.
start_many() {
    start_mosquitto many <<'END'
allow_anonymous true
persistence false
max_connections -1
max_queued_messages 0
END
    many=127.0.0.1:$port
    many_restart=$(printf '%q ' "$PWD/bench/parts/restart" "$work/many" "$port")
}

start_tls() {
    authority=$work/ca.crt
    make_certificates >"$work/certificates" 2>&1 || give_up 'The certificates could not be made:' "$work/certificates"
    : >"$work/passwords"
    mosquitto_passwd -b "$work/passwords" "$user" "$password" 2>"$work/passwords.err" ||
        give_up 'mosquitto_passwd failed:' "$work/passwords.err"
    start_mosquitto tls <<END
allow_anonymous false
password_file $work/passwords
certfile $work/server.crt
keyfile $work/server.key
persistence false
max_connections -1
max_queued_messages 0
max_inflight_messages 1000
END
    tls=localhost:$port
    tls_restart=$(printf '%q ' "$PWD/bench/parts/restart" "$work/tls" "$port")
}

make_certificates() (
    cd "$work" && umask 077 || exit 1
    cat >openssl.cnf <<'END'
[req]
distinguished_name = name
prompt = no
[name]
CN = localhost
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
END
    openssl req -config openssl.cnf -x509 -extensions authority -subj '/CN=Benchmark CA' -days 2 -sha256 -nodes \
        -newkey rsa:2048 -keyout ca.key -out ca.crt &&
        openssl req -config openssl.cnf -new -nodes -newkey rsa:2048 -keyout server.key -out server.csr &&
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -sha256 \
            -extfile openssl.cnf -extensions server -out server.crt
)

start_for() { # start_for ROW...
    case " $*" in *' sink/'*) start_sink ;; esac
    case " $*" in *' mosq/'*) start_mosq ;; esac
    case " $*" in *' tls/'* | */tls/*) start_tls ;; esac
    case " $*" in *' clients/'*/mosq/*) start_many ;; esac
}
