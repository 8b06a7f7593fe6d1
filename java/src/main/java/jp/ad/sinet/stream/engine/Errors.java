package jp.ad.sinet.stream.engine;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;

import javax.net.ssl.SSLHandshakeException;

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
    private static final int CONNECTION = 7;
    private static final int AUTHENTICATION = 8;
    /** More than there are codes, and causes. */
    private static final int ALL = 16;
    private static final byte[] NO_MESSAGE = {};

    private Errors() {
    }

    /**
     * The exception of an error of the native library.
     *
     * @param cause what a connection failed at, 0 if it is not about one
     * @param refusal the code of the broker's CONNACK, 0 if it did not come to that
     */
    static Throwable create(int code, byte[] messageUtf8, int cause, int refusal) {
        String message = new String(messageUtf8, StandardCharsets.UTF_8);
        Throwable thrown = PluginFailures.takeCause(message);
        return of(code, message, thrown != null ? thrown : cause(message, cause, refusal));
    }

    /** Makes one of each, so that no class is missing when it is needed. */
    static void rehearse() {
        for (int each = 0; each < ALL; each++) {
            create(each, NO_MESSAGE, 0, 0);
            create(CONNECTION, NO_MESSAGE, each, 1);
        }
    }

    /** Without what is known of the cause: an error that comes with an event. */
    static SinetStreamException of(int code, String message) {
        boolean ofConnection = code == CONNECTION || code == AUTHENTICATION;
        return of(code, message, ofConnection ? new IOException(message) : null);
    }

    /** With the cause where there is one. */
    static SinetStreamException of(int code, String message, Throwable cause) {
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
                return new SinetStreamIOException(message, cause);
            case CONNECTION:
                return new ConnectionException(message, cause);
            case AUTHENTICATION:
                return new AuthenticationException(message, cause);
            case 9:
                return new AuthorizationException(message);
            case 10:
                return new InvalidMessageException(message, cause);
            default:
                return new SinetStreamException("internal error: unknown error code " + code + ": " + message);
        }
    }

    /** The exception that Java's own sockets would have thrown. */
    private static Throwable cause(String message, int cause, int refusal) {
        switch (cause) {
            case 0:
                return null;
            case 1:
                return new UnknownHostException(message);
            case 2:
                return new ConnectException(message);
            case 3:
                return new SocketTimeoutException(message);
            case 4:
                return new SSLHandshakeException(message);
            case 5:
                SSLHandshakeException handshake = new SSLHandshakeException(message);
                handshake.initCause(new CertificateException(message));
                return handshake;
            case 6:
                return new IOException(refusal == 0 ? message
                        : String.format("the broker's CONNACK has the code 0x%02X", refusal));
            default:
                return new IOException(message);
        }
    }

    /** What the native library handed over does not have the agreed form. */
    static SinetStreamException malformed(String what) {
        return new SinetStreamException("internal error: " + what);
    }
}
