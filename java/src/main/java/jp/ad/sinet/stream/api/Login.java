package jp.ad.sinet.stream.api;

import java.nio.charset.StandardCharsets;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * A user name and password for the broker, which a program supplies through {@code login} of the builders. Immutable;
 * {@link #toString} hides both.
 */
public final class Login {
    private final @Nullable String username;
    private final byte[] password;

    private Login(@Nullable String username, byte[] password) {
        this.username = username;
        this.password = password;
    }

    /**
     * Makes a login of a user name and a password.
     *
     * @param username the name
     * @param password the password, which is sent to the broker in UTF-8
     * @return the login
     */
    public static Login of(String username, String password) {
        return of(username, Objects.requireNonNull(password, "password").getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Makes a login of a user name and a password.
     *
     * @param username the name
     * @param password the password; the array is copied
     * @return the login
     */
    public static Login of(String username, byte[] password) {
        return new Login(Objects.requireNonNull(username, "username"),
                Objects.requireNonNull(password, "password").clone());
    }

    /**
     * Makes a login of a password or token without a user name, which MQTT 5 allows.
     *
     * @param token the token, which is sent to the broker in UTF-8
     * @return the login
     */
    public static Login token(String token) {
        return new Login(null, Objects.requireNonNull(token, "token").getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Returns the user name.
     *
     * @return the name, or null when there is none
     */
    public @Nullable String getUsername() {
        return username;
    }

    /**
     * Returns the password.
     *
     * @return a copy of the password
     */
    public byte[] getPassword() {
        return password.clone();
    }

    @Override
    public String toString() {
        return "Login";
    }
}
