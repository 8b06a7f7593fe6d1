package jp.ad.sinet.stream.engine;

import java.nio.charset.StandardCharsets;

import jp.ad.sinet.stream.api.AuthenticationException;
import jp.ad.sinet.stream.api.AuthorizationException;
import jp.ad.sinet.stream.api.ConnectionException;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.NoConfigException;
import jp.ad.sinet.stream.api.NoServiceException;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.UnsupportedServiceTypeException;

/** The one table from the error codes of the native library to exceptions. */
final class Errors {
    private Errors() {
    }

    /** Called by the native library, which throws the result. */
    static Throwable create(int code, byte[] messageUtf8) {
        return of(code, new String(messageUtf8, StandardCharsets.UTF_8));
    }

    static SinetStreamException of(int code, String message) {
        switch (code) {
            case 1:
                return new SinetStreamException(message);
            case 2:
                return new InvalidConfigurationException(message);
            case 3:
                return new NoConfigException(message);
            case 4:
                return new NoServiceException(message);
            case 5:
                return new UnsupportedServiceTypeException(message);
            case 6:
                return new SinetStreamIOException(message);
            case 7:
                return new ConnectionException(message);
            case 8:
                return new AuthenticationException(message);
            case 9:
                return new AuthorizationException(message);
            case 10:
                return new InvalidMessageException(message);
            default:
                return new SinetStreamException("internal error: unknown error code " + code + ": " + message);
        }
    }

    /** What the native library handed over does not have the agreed form. */
    static SinetStreamException malformed(String what) {
        return new SinetStreamException("internal error: " + what);
    }
}
