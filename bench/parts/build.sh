# Builds what the clients of this run need, into build/bench. Sourced by ../run.
# shellcheck shell=bash

tools=$out/cargo/release/bench-tools
rust=$out/bench-rust     # without a C library, which would cost the others memory
rust_c=$out/bench-rust-c # with those that are there
hour=3600

# What a client of a C library needs: its feature in rust/Cargo.toml, its header, the library, its package in Debian.
needs_of() { # needs_of CLIENT: sets `needs`; empty for the other clients
    case $1 in
        libmosquitto) needs=(libmosquitto mosquitto.h mosquitto libmosquitto-dev) ;;
        paho.mqtt.c) needs=(paho-c MQTTAsync.h paho-mqtt3as libpaho-mqtt-dev) ;;
        *) needs=() ;;
    esac
}

has_library() { # has_library HEADER LIBRARY
    printf '#include <%s>\nint main(void) { return 0; }\n' "$1" |
        cc -x c - "-l$2" -o "$work/has_library" 2>/dev/null
}

# leave_out_missing: takes clients whose library is not there out of `clients`; `missing` says so, a line for each.
leave_out_missing() {
    local client needs found=()
    missing=()
    for client in "${clients[@]}"; do
        needs_of "$client"
        if [ "${#needs[@]}" -eq 0 ] || has_library "${needs[1]}" "${needs[2]}"; then
            found+=("$client")
        else
            missing+=("$client is not measured: its library is not there (Debian: ${needs[3]}).")
        fi
    done
    clients=(${found[@]+"${found[@]}"})
}

# Each part says how it went only when it failed.
built() { # built WHAT COMMAND...
    run "$hour" "${@:2}" >"$out/build.log" 2>"$out/build.err" || give_up "$1 could not be built:" "$out/build.err"
}

build_tools() {
    built 'bench/tools' cargo build --release --locked --manifest-path bench/tools/Cargo.toml --target-dir "$out/cargo"
}

build_rust() { # build_rust PROGRAM [FEATURE...]
    # The library's own versions; Cargo adds what bench-rust needs besides.
    cp Cargo.lock bench/rust/Cargo.lock || exit 1
    built 'bench/rust' cargo build --release --manifest-path bench/rust/Cargo.toml --target-dir "$out/cargo" \
        --features "${*:2}"
    cp "$out/cargo/release/bench-rust" "$1" || exit 1
}

build_java() {
    local library
    built 'the Java package' make -s --no-print-directory classpath
    library=$(tail -n 1 "$out/build.log")
    built 'bench/java' "${GRADLE:-gradle}" --no-daemon --console=plain -q -p bench \
        --project-cache-dir "$out/gradle" classpath "-Plibrary=$library"
    java_bare=$(tail -n 1 "$out/build.log")
    # The library last: it brings an SLF4J that is too old for slf4j-nop.
    java_classes=$java_bare:$library
    java_flags=()
    # Without it, newer JDKs warn about native libraries.
    [ "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" -lt 22 ] ||
        java_flags=(--enable-native-access=ALL-UNNAMED)
}

build_for() { # build_for CLIENT...
    local client needs features=()
    build_tools
    case " $* " in *' sinetstream-rust '* | *' rumqttc '*) build_rust "$rust" ;; esac
    for client in "$@"; do
        needs_of "$client"
        [ "${#needs[@]}" -eq 0 ] || features+=("${needs[0]}")
    done
    [ "${#features[@]}" -eq 0 ] || build_rust "$rust_c" "${features[@]}"
    case " $* " in *' sinetstream '* | *' hivemq '* | *' paho '*) build_java ;; esac
}
