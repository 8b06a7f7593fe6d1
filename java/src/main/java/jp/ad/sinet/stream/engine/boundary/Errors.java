package jp.ad.sinet.stream.engine.boundary;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.security.cert.CertificateException;
import java.util.function.Function;

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
import jp.ad.sinet.stream.api.SinetStreamIOException.Delivery;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.api.UnsupportedServiceTypeException;

/** The one table from the error codes of the native library to exceptions. */
final class Errors {
    private static final int NONE = 0;
    private static final int CONNECTION = 7;
    private static final int AUTHENTICATION = 8;
    /** An upper bound of the numbers of codes and of causes. */
    private static final int ALL = 16;

    private Errors() {
    }

    /** Returns the exception for an error of a native. */
    static SinetStreamException create(byte[] packed) {
        SinetStreamException error = read(new Bytes(packed), PluginFailures::takeCause);
        OutOfMemoryError lacking = lacking(error);
        if (lacking != null) {
            throw lacking;
        }
        return error != null ? error : malformed("a failure without an error");
    }

    /**
     * Returns the OutOfMemoryError of a plugin that decoded a message; null when that is not the cause. The message is not at
     * fault, so this is no InvalidMessageException, which would make a program discard the message.
     */
    static OutOfMemoryError lacking(SinetStreamException error) {
        return error instanceof InvalidMessageException && error.getCause() instanceof OutOfMemoryError
                ? (OutOfMemoryError) error.getCause() : null;
    }

    /**
     * Reads an error of the native library; null when there is none. It consists of its code, its text, the numbers of its
     * cause, of the broker's reason code, of its reason and of the fate of the message, and the error that caused it.
     */
    static SinetStreamException read(Bytes in) {
        return read(in, message -> null);
    }

    /** {@code known} returns a better cause for a text, or null. */
    private static SinetStreamException read(Bytes in, Function<String, Throwable> known) {
        int code = in.i32();
        if (code == NONE) {
            return null;
        }
        String message = in.string();
        int cause = in.u8();
        int refusal = in.u8();
        int reason = in.u8();
        int delivery = in.u8();
        SinetStreamException behind = read(in);
        Throwable thrown = known.apply(message);
        if (thrown == null) {
            thrown = behind != null ? behind : cause(message, cause, refusal);
        }
        return told(of(code, message, thrown), reason, delivery, refusal);
    }

    /** Makes one exception of each kind, so that no class is missing when it is needed. */
    static void rehearse() {
        for (int each = 0; each < ALL; each++) {
            told(of(each, "", cause("", each, 1)), each, each, 1);
        }
        create(new byte[Integer.BYTES]);
        read(new Bytes(new byte[Integer.BYTES]));
        PluginFailures.takeCause("");
    }

    private static SinetStreamException told(SinetStreamException error, int reason, int delivery, int code) {
        if (error instanceof SinetStreamIOException) {
            ((SinetStreamIOException) error).with(reason(reason), delivery(delivery)).withReasonCode(code);
        }
        return error;
    }

    private static Reason reason(int number) {
        switch (number) {
            case 1:
                return Reason.CLOSED;
            case 2:
                return Reason.TIMED_OUT;
            case 3:
                return Reason.CONNECTION_LOST;
            case 4:
                return Reason.REFUSED;
            case 5:
                return Reason.TOO_LARGE;
            default:
                return Reason.OTHER;
        }
    }

    private static Delivery delivery(int number) {
        switch (number) {
            case 1:
                return Delivery.NOT_SENT;
            case 2:
                return Delivery.REFUSED;
            case 3:
                return Delivery.UNKNOWN;
            default:
                return null;
        }
    }

    /** Returns the exception for a code, with the cause if there is one. */
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

    /** Returns the exception that Java's own sockets would have thrown. */
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

    /** Returns an exception for data of the native library that does not have the agreed form. */
    static SinetStreamException malformed(String what) {
        return new SinetStreamException("internal error: " + what);
    }
}
