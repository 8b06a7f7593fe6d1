# Another commit of this library, measured beside the present one as CLIENT@COMMIT. Sourced by ../run.
# shellcheck shell=bash

other=$out/other # its worktree; kept for the next time, with what was built in it
rust_other=$out/bench-rust-other
ours='sinetstream sinetstream-rust'

# take_other COMMIT: sets `other_commit`, its short name
take_other() {
    other_commit=$(git rev-parse --short --verify --quiet "$1^{commit}") || give_up "COMPARE=$1 is no commit"
    git worktree prune
    if [ -e "$other/.git" ]; then
        git -C "$other" checkout --quiet --force --detach "$other_commit"
    else
        rm -rf "$other" && git worktree add --quiet --force --detach "$other" "$other_commit"
    fi || give_up "there is no worktree of $1 in $other"
    # The present programs measure both.
    rm -rf "$other/bench" && cp -r bench "$other/bench" || exit 1
}

build_other() { # build_other CLIENT...
    case " $* " in *' sinetstream-rust '*)
        cp "$other/Cargo.lock" "$other/bench/rust/Cargo.lock" || exit 1
        built "bench/rust with $other_commit" cargo build --release --manifest-path "$other/bench/rust/Cargo.toml" \
            --target-dir "$out/other-cargo"
        cp "$out/other-cargo/release/bench-rust" "$rust_other" || exit 1
        ;;
    esac
    case " $* " in *' sinetstream '*)
        built "the Java package of $other_commit" make -s --no-print-directory -C "$other" classpath
        java_other=$java_bare:$(tail -n 1 "$out/build.log")
        ;;
    esac
}
