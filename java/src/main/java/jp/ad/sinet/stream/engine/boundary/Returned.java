package jp.ad.sinet.stream.engine.boundary;

/**
 * What natives return. One that fails throws; should it not even be able to do that, it returns 0, false or null, which is
 * the result of no success.
 */
final class Returned {
    private static final int DONE = 1;
    private static final int NOT_YET = 2;

    private Returned() {
    }

    /** A number that is never 0. */
    static long number(long returned) {
        if (returned == 0) {
            throw nothing();
        }
        return returned;
    }

    /** Whether what was waited for is there. */
    static boolean done(int returned) {
        switch (returned) {
            case DONE:
                return true;
            case NOT_YET:
                return false;
            default:
                throw nothing();
        }
    }

    /** An array, which may be empty. */
    static <A> A array(A returned) {
        if (returned == null) {
            throw nothing();
        }
        return returned;
    }

    private static RuntimeException nothing() {
        return Errors.malformed("the native library has failed, and could not say why");
    }
}
