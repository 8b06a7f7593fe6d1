package jp.ad.sinet.stream.api;

import java.time.Duration;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

/** A change of a client's connection. Immutable; it holds no secrets. */
public final class ConnectionEvent {
    private final Type type;
    private final @Nullable String broker;
    private final boolean sessionPresent;
    private final Duration delay;
    private final @Nullable SinetStreamException cause;
    private final @Nullable String clientId;
    private final @Nullable String service;
    private final @Nullable String role;

    /** The kind of a change. */
    public enum Type {
        /** The broker has accepted the client (CONNACK), for the first time or again. */
        CONNECTED,
        /** The connection broke. */
        LOST,
        /** The next attempt to connect begins after a delay. */
        RETRYING,
        /** The client has failed for good: pending and later operations fail with the cause. This is the last event. */
        ENDED,
        /** The program has closed the client. This is the last event. */
        CLOSED
    }

    private ConnectionEvent(Type type, @Nullable String broker, boolean sessionPresent, Duration delay,
            @Nullable SinetStreamException cause) {
        this(type, broker, sessionPresent, delay, cause, null, null, null);
    }

    private ConnectionEvent(Type type, @Nullable String broker, boolean sessionPresent, Duration delay,
            @Nullable SinetStreamException cause, @Nullable String clientId, @Nullable String service, @Nullable String role) {
        this.clientId = clientId;
        this.service = service;
        this.role = role;
        this.type = type;
        this.broker = broker;
        this.sessionPresent = sessionPresent;
        this.delay = delay;
        this.cause = cause;
    }

    /**
     * Makes an event of type {@link Type#CONNECTED}.
     *
     * @param broker host and port of the broker, or null
     * @param sessionPresent whether the broker has kept the session
     * @return the event
     */
    public static ConnectionEvent connected(@Nullable String broker, boolean sessionPresent) {
        return new ConnectionEvent(Type.CONNECTED, broker, sessionPresent, Duration.ZERO, null);
    }

    /**
     * Makes an event of type {@link Type#LOST}.
     *
     * @param cause why the connection broke
     * @return the event
     */
    public static ConnectionEvent lost(SinetStreamException cause) {
        return new ConnectionEvent(Type.LOST, null, false, Duration.ZERO, Objects.requireNonNull(cause, "cause"));
    }

    /**
     * Makes an event of type {@link Type#RETRYING}.
     *
     * @param broker host and port of the broker that is tried next, or null
     * @param delay the time until the attempt
     * @param cause why there is no connection: how it was lost, or why the last attempt failed
     * @return the event
     */
    public static ConnectionEvent retrying(@Nullable String broker, Duration delay, SinetStreamException cause) {
        return new ConnectionEvent(Type.RETRYING, broker, false, Objects.requireNonNull(delay, "delay"),
                Objects.requireNonNull(cause, "cause"));
    }

    /**
     * Makes an event of type {@link Type#ENDED}.
     *
     * @param cause why the client has failed
     * @return the event
     */
    public static ConnectionEvent ended(SinetStreamException cause) {
        return new ConnectionEvent(Type.ENDED, null, false, Duration.ZERO, Objects.requireNonNull(cause, "cause"));
    }

    /**
     * Makes an event of type {@link Type#CLOSED}.
     *
     * @return the event
     */
    public static ConnectionEvent closed() {
        return new ConnectionEvent(Type.CLOSED, null, false, Duration.ZERO, null);
    }

    /**
     * Returns a copy of this event that names its client.
     *
     * @param clientId its client identifier
     * @param service its service in the configuration file, or null
     * @param role {@code "writer"} or {@code "reader"}
     * @return the copy
     */
    public ConnectionEvent of(@Nullable String clientId, @Nullable String service, @Nullable String role) {
        return new ConnectionEvent(type, broker, sessionPresent, delay, cause, clientId, service, role);
    }

    /**
     * Returns the identifier of the client whose connection has changed.
     *
     * @return its client identifier, as {@link MessageIO#getClientId} returns it; null if the event belongs to no client
     */
    public @Nullable String getClientId() {
        return clientId;
    }

    /**
     * Returns the service of the client.
     *
     * @return its name in the configuration file; null when no file is used
     */
    public @Nullable String getService() {
        return service;
    }

    /**
     * Tells whether the client is a writer or a reader.
     *
     * @return {@code "writer"} or {@code "reader"}; null if the event belongs to no client
     */
    public @Nullable String getRole() {
        return role;
    }

    /**
     * Returns the kind of the change.
     *
     * @return the type of the event
     */
    public Type getType() {
        return type;
    }

    /**
     * Returns the broker that the client is connected to, or that it tries next.
     *
     * @return host and port; null when it is not known, and for other events
     */
    public @Nullable String getBroker() {
        return broker;
    }

    /**
     * Tells whether the broker has kept the session of an earlier connection, with its subscriptions and messages.
     *
     * @return true when it has; false for all events except {@link Type#CONNECTED}
     */
    public boolean isSessionPresent() {
        return sessionPresent;
    }

    /**
     * Returns the time until the next attempt to connect.
     *
     * @return the delay; zero for all events except {@link Type#RETRYING}
     */
    public Duration getDelay() {
        return delay;
    }

    /**
     * Returns why the connection broke, why the last attempt to connect failed, or why the client has failed; an
     * {@link AuthenticationException} when the broker refused the login at a reconnect.
     *
     * @return the cause; null for {@link Type#CONNECTED} and {@link Type#CLOSED}
     */
    public @Nullable SinetStreamException getCause() {
        return cause;
    }

    @Override
    public String toString() {
        String details = "";
        if (type == Type.CONNECTED) {
            details = ", broker=" + broker + ", sessionPresent=" + sessionPresent;
        } else if (type == Type.RETRYING) {
            details = ", broker=" + broker + ", delay=" + delay + ", cause=" + cause;
        } else if (cause != null) {
            details = ", cause=" + cause;
        }
        if (clientId != null) {
            details += ", " + role + (service == null ? "" : " of service " + service) + ", client " + clientId;
        }
        return "ConnectionEvent(type=" + type + details + ")";
    }
}
