package jp.ad.sinet.stream.engine.boundary;

import java.time.Instant;

/** The time of a message as SINETStream writes it. */
public final class Timestamps {
    private static final long MICROS_PER_SECOND = 1_000_000L;
    private static final int NANOS_PER_MICRO = 1000;

    private Timestamps() {
    }

    /** Microseconds since 1970. */
    public static long micros(Instant time) {
        return time.getEpochSecond() * MICROS_PER_SECOND + time.getNano() / NANOS_PER_MICRO;
    }
}
