# Builds what the clients of this run need, into build/bench. Sourced by ../run.
# shellcheck shell=bash

tools=$out/cargo/release/bench-tools
rust=$out/cargo/release/bench-rust
hour=3600

# Each part says how it went only when it failed.
built() { # built WHAT COMMAND...
    run "$hour" "${@:2}" >"$out/build.log" 2>"$out/build.err" || give_up "$1 could not be built:" "$out/build.err"
}

build_tools() {
    built 'bench/tools' cargo build --release --locked --manifest-path bench/tools/Cargo.toml --target-dir "$out/cargo"
}

build_rust() {
    # The library's own versions; Cargo adds what bench-rust needs besides.
    cp Cargo.lock bench/rust/Cargo.lock || exit 1
    built 'bench/rust' cargo build --release --manifest-path bench/rust/Cargo.toml --target-dir "$out/cargo"
}

build_java() {
    local library
    built 'the Java package' make -s --no-print-directory classpath
    library=$(tail -n 1 "$out/build.log")
    built 'bench/java' "${GRADLE:-gradle}" --no-daemon --console=plain -q -p bench \
        --project-cache-dir "$out/gradle" classpath "-Plibrary=$library"
    java_classes=$(tail -n 1 "$out/build.log")
    java_flags=()
    # Without it, newer JDKs warn about native libraries.
    [ "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" -lt 22 ] ||
        java_flags=(--enable-native-access=ALL-UNNAMED)
}

build_for() { # build_for CLIENT...
    build_tools
    case " $* " in *' sinetstream-rust '*) build_rust ;; esac
    case " $* " in *' sinetstream '* | *' hivemq '* | *' paho '*) build_java ;; esac
}
