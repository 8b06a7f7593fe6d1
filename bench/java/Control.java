import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** Asks the other side how many messages have arrived; ../tools/src/control.rs answers. */
final class Control {
    private final Socket socket;
    private final BufferedReader answers;

    Control(String address) throws IOException {
        String[] parts = address.split(":");
        socket = new Socket(parts[0], Integer.parseInt(parts[1]));
        socket.setTcpNoDelay(true);
        answers = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
    }

    void reset() throws IOException {
        ask("reset");
    }

    /** Waits until so many have arrived, or no more come. */
    Arrived await(long messages) throws IOException {
        return ask("wait " + messages);
    }

    private Arrived ask(String question) throws IOException {
        socket.getOutputStream().write((question + "\n").getBytes(StandardCharsets.US_ASCII));
        String answer = answers.readLine();
        if (answer == null) throw new IOException("the control connection was closed");
        String[] numbers = answer.split(" ");
        return new Arrived(Long.parseLong(numbers[0]), Duration.ofNanos(1000 * Long.parseLong(numbers[1])));
    }

    static final class Arrived {
        final long messages;
        /** How long nothing had come; zero when everything came. */
        final Duration idle;

        Arrived(long messages, Duration idle) {
            this.messages = messages;
            this.idle = idle;
        }
    }
}
