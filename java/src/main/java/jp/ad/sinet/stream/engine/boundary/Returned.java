package jp.ad.sinet.stream.engine.boundary;

/**
 * Checks the results of natives. A native that fails throws; if it cannot even do that, it returns 0, false or null, which no
 * successful call returns.
 */
final class Returned {
    private static final int DONE = 1;
    private static final int NOT_YET = 2;

    private Returned() {
    }

    /** Returns a number, which is never 0. */
    static long number(long returned) {
        if (returned == 0) {
            throw nothing();
        }
        return returned;
    }

    /** Tells whether the operation that was waited for has finished. */
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

    /** Returns an array, which may be empty. */
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
