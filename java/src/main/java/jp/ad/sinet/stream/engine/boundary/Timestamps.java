package jp.ad.sinet.stream.engine.boundary;

import java.time.Instant;

/** Converts the time of a message to SINETStream's format. */
public final class Timestamps {
    private static final long MICROS_PER_SECOND = 1_000_000L;
    private static final int NANOS_PER_MICRO = 1000;

    private Timestamps() {
    }

    /** Returns the microseconds since 1970. */
    public static long micros(Instant time) {
        return time.getEpochSecond() * MICROS_PER_SECOND + time.getNano() / NANOS_PER_MICRO;
    }
}
